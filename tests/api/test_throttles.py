"""How often one may ask: exactly as often as is allowed, however many ask at once, with Redis and without."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import uuid7
from bus.registry import default
from config import rates
from config.rates import Limiter, Rate, decide
from sessions_app.api import throttles
from tests.api.caller import Caller, problem, recorded

Set = Callable[..., None]


@pytest.fixture
def rate(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets rates, counted under names of this test's own."""
    own = Limiter(settings.REDIS_URL, f"{settings.REDIS_PREFIX}:{uuid7()}", timeout=2.0, pause=5.0)
    monkeypatch.setattr(rates, "_limiter", own)

    def change(**some: int) -> None:
        monkeypatch.setattr(settings, "RATES", settings.RATES | some)

    return change


def nowhere() -> Limiter:
    """A limiter whose Redis is away."""
    return Limiter("redis://127.0.0.1:1/0", "x", timeout=0.2, pause=60.0)


@pytest.mark.parametrize("away", [False, True])
def test_of_many_that_ask_at_once_as_many_are_let_in_as_may_be(away: bool) -> None:
    limiter = nowhere() if away else Limiter(settings.REDIS_URL, f"test:{uuid7()}", timeout=2.0, pause=5.0)
    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(lambda _: limiter.take("alice", Rate(30, 3600)), range(60)))
    allowed = [decision for decision in taken if decision.allowed]
    refused = [decision for decision in taken if not decision.allowed]
    assert sorted(decision.left for decision in allowed) == list(range(30))
    assert all(100 < decision.wait <= 120 for decision in refused)
    assert limiter.take("bob", Rate(30, 3600)).left == 29


@given(
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60), requests=st.integers(1, 20), seconds=st.integers(1, 60)
)
def test_in_no_period_are_more_let_in_than_twice_the_rate_and_who_waits_is_let_in(
    gaps: list[float], requests: int, seconds: int
) -> None:
    rate, due, now, entered = Rate(requests, seconds), 0.0, 1000.0, list[float]()
    for gap in gaps:
        now += gap
        due, decision = decide(due, now, rate)
        if decision.allowed:
            entered.append(now)
        else:
            assert decide(due, now + decision.wait, rate)[1].allowed
        within = [at for at in entered if at > now - seconds]
        assert len(within) <= 2 * requests  # a full bucket, and what flows in meanwhile
    total = now - entered[0]
    assert len(entered) <= requests + ceil(total * requests / seconds)


def test_who_asks_too_often_is_told_when_to_come_back(api: Caller, bob_api: Caller, rate: Set) -> None:
    rate(reads=2)
    first = api.get("sessions/")
    assert (first["RateLimit-Policy"], first["RateLimit"]) == ('"reads";q=2;w=60', '"reads";r=1;t=30')
    api.get("sessions/")
    refused = api.get("sessions/")
    problem(refused, 429, "rate-limited")
    assert 29 <= int(refused["Retry-After"]) <= 30
    assert refused["RateLimit"].startswith('"reads";r=0;')
    assert bob_api.get("sessions/").status_code == 200
    assert api.post("sessions/", {}).status_code == 201


@pytest.mark.parametrize("reads", [2, 0])
def test_a_repeated_write_gets_its_first_answer_at_any_rate(api: Caller, rate: Set, reads: int) -> None:
    rate(writes=1, reads=reads)  # 0: any
    first = api.post("sessions/", {"title": "x"}, idempotency_key="k")
    before = recorded()
    for _ in range(2):
        again = api.post("sessions/", {"title": "x"}, idempotency_key="k")
        assert (again.status_code, again.json()) == (first.status_code, first.json())
    problem(api.post("sessions/", {"title": "x"}, idempotency_key="another"), 429, "rate-limited")
    assert recorded() == before


def test_what_begins_a_run_has_a_rate_of_its_own_wherever_it_is_asked(api: Caller, rate: Set) -> None:
    session = api.session()
    rate(runs=1)
    asked = {"input": "x"}
    assert api.post(f"sessions/{session}/runs/", asked).status_code == 202
    payload = {"session_id": session, **asked}
    for path, body in (
        (f"sessions/{session}/runs/", asked),
        (f"sessions/{session}/graphs/", {"prompt": "x"}),
        (f"sessions/{session}/messages/", {"content": "x", "answer": True}),
        (f"sessions/{session}/conversations/", {"name": "x", "input": "x", "answer": True}),
        ("commands/", {"name": "request-run", "payload": payload}),
    ):
        problem(api.post(path, body), 429, "rate-limited")
    assert api.post(f"sessions/{session}/messages/", {"content": "x"}).status_code == 201


def test_of_every_command_about_runs_it_is_known_whether_it_begins_one() -> None:
    known = throttles.BEGIN_RUNS | {"cancel-graph", "cancel-run", "change-queued-run", "decide-tool-call"}
    named = {
        name
        for name, kind in default.commands.items()
        if kind.public and kind.scope in ("runs:write", "graphs:write") and kind.__module__.startswith("sessions_app.")
    }
    assert named <= known | {"undo-compaction"}, "does it begin a run? See BEGIN_RUNS in throttles.py"


def test_log_ins_are_counted_by_address(alice: User, rate: Set) -> None:
    rate(logins=2)
    stranger = Caller()
    tries = [stranger.client.post("/login/", {"username": "alice", "password": "wrong"}) for _ in range(3)]
    assert [answer.status_code for answer in tries] == [200, 200, 429]
    assert int(tries[2]["Retry-After"]) <= 30
    assert f"Wait {tries[2]['Retry-After']} second" in tries[2].content.decode()
    assert stranger.client.get("/login/").status_code == 200
