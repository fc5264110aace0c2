"""`analytics/`: what was used, by day, model, provider or session; as the log says, and nobody else's."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from bus.bus import bus
from bus.log.replay import replay
from sessions_app.analytics import percentile
from sessions_app.insight_tables import BASE, GROWTH
from sessions_app.llm import catalog
from sessions_app.models import ModelEntry, Session
from tests import runs
from tests.api.caller import Caller, problem
from tests.api.test_bad_queries import CURSORS, EXTREMES, VALUES, sound
from tests.story import assert_replay_rebuilds_the_same_rows

ECHO = {"provider": "echo", "model": "echo"}
UNKNOWN = {"provider": "nobody", "model": "unknown"}
EARLIER = "UPDATE bus_storedevent SET recorded_at = recorded_at - interval '2 days' WHERE stream = %s"


@pytest.fixture(autouse=True)
def _prices_read_anew(db: None) -> Iterator[None]:
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def shown(api: Caller, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"analytics/?{query}")
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def picked(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def count(api: Caller, session: str, prompt: int, completion: int) -> None:
    body = {"prompt_tokens": prompt, "completion_tokens": completion}
    assert api.post(f"sessions/{session}/metrics/", body).status_code == 200


def two_days(api: Caller) -> tuple[str, str]:
    """A session of two days ago and one of today, and what was said and used in them."""
    old, new = api.session(config=ECHO), api.session(config=UNKNOWN)
    for session in (old, old, new):
        api.say(session)
    count(api, old, 10, 5)
    count(api, new, 7, 0)
    with connection.cursor() as cursor:
        cursor.execute(EARLIER, [old])
    replay(bus.registry)
    return old, new


def test_use_is_added_up_by_whatever_is_asked(api: Caller, bob_api: Caller) -> None:
    old, new = two_days(api)
    names = ("sessions", "messages", "prompt_tokens", "total_tokens", "cost", "unpriced")
    of_old, of_new = (1, 2, 10, 15, "0", 0), (1, 1, 7, 7, None, 1)
    for group, keys in (("provider", ["echo", "nobody"]), ("model", ["echo", "unknown"]), ("session", [old, new])):
        assert picked(shown(api, f"group={group}"), group, *names) == [(keys[0], *of_old), (keys[1], *of_new)]
    by_day = api.get("analytics/").json()
    assert (len(by_day["data"]), by_day["group"]) == (2, ["day"])
    assert picked(by_day["data"], *names) == [of_old, of_new]
    assert picked(shown(api, "group=total"), *names) == [(2, 3, 17, 22, "0", 1)]
    assert picked(shown(api, f"from={by_day['to']}"), "day", *names) == [(by_day["to"], *of_new)]
    assert picked(shown(api, f"to={by_day['data'][0]['day']}&group=day,model"), "model", *names) == [("echo", *of_old)]
    assert picked(shown(api, "provider=nobody&model=unknown"), *names) == [of_new]
    assert picked(shown(api, f"session={old}"), *names) == [of_old]
    assert shown(bob_api) == shown(bob_api, f"session={old}") == shown(bob_api, "group=session") == []
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize("group", ["day", "session", "day,provider,model,session"])
def test_pages_are_the_whole(api: Caller, group: str) -> None:
    two_days(api)
    address, seen = f"analytics/?group={group}&limit=1", []
    while address:
        answer = api.get(address)
        seen += answer.json()["data"]
        address = answer["Link"].split(">")[0].removeprefix("<http://testserver") if "Link" in answer else ""
    assert seen == shown(api, f"group={group}")
    assert len(seen) == 2


def test_what_is_corrected_or_deleted_stays_true(api: Caller, session: str) -> None:
    count(api, session, 10, 5)
    api.patch(f"sessions/{session}/", {"metrics": {"prompt_tokens": 4}}, if_match="*")
    metrics = api.get(f"sessions/{session}/metrics/").json()
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    assert picked(shown(api, "group=session"), "session", *names) == [(session, *picked([metrics], *names)[0])]
    api.delete(f"sessions/{session}/", if_match="*")
    assert picked(shown(api, "group=session"), "session", "total_tokens") == [(None, 9)]
    assert_replay_rebuilds_the_same_rows()


def test_a_new_price_is_the_price_of_what_was_used_before(api: Caller) -> None:
    _, new = two_days(api)
    api.patch(f"sessions/{new}/", {"config": ECHO}, if_match="*")
    ModelEntry.objects.create(
        provider="nobody", model="unknown", input_price=Decimal(3), valid_from="2026-01-01T00:00:00Z"
    )
    catalog.rows.forget()
    call_command("reprice", stdout=io.StringIO())
    (row,) = shown(api, "model=unknown")
    assert (row["cost"], row["unpriced"]) == ("0.000021", 0)
    assert Decimal(row["cost"]) == Session.objects.get(id=new).estimated_cost
    call_command("reprice", "--all", stdout=io.StringIO())
    assert shown(api, "model=unknown") == [row]
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.django_db(transaction=True)
def test_runs_are_counted_by_their_ends_and_timed(alice: User) -> None:
    story = runs.told(alice, reply="one two three", delay=0.01)
    done = [runs.do(runs.ask(story)) for _ in range(2)]
    api = Caller(alice)
    assert api.post(f"runs/{runs.ask(story)}/cancel/", {}).status_code == 200
    (row,) = shown(api)
    assert picked([row], "runs", "runs_completed", "runs_cancelled", "runs_failed", "messages") == [(3, 2, 1, 0, 5)]
    first = sorted(run.first_token or 0 for run in done)
    lasted = sorted(
        (run.finished_at - run.started_at).total_seconds() for run in done if run.finished_at and run.started_at
    )
    for values, name in ((first, "first_token_seconds"), (lasted, "run_seconds")):
        assert row[f"{name}_p50"] == pytest.approx(max(values[0], BASE), rel=0.06)
        assert row[f"{name}_p95"] == pytest.approx(max(values[1], BASE), rel=0.06)
    assert row["run_seconds"] == pytest.approx(sum(lasted), abs=0.001)
    assert row["completion_tokens"] == sum(run.completion_tokens or 0 for run in done)
    spoke = sum(lasted) - sum(first)
    assert row["tokens_per_second"] == pytest.approx(row["completion_tokens"] / spoke, rel=0.01)
    assert_replay_rebuilds_the_same_rows()


def test_a_table_has_no_formulas(api: Caller) -> None:
    for name in ("=1+1", "@sum", "plain"):
        api.session(config={"provider": name, "model": '-x,"y"\n'})
    for answer in (
        api.get("analytics/?group=provider,model&format=csv"),
        api.get("analytics/?group=provider,model", accept="text/csv"),
    ):
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"].startswith("attachment")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert sorted(row["provider"] for row in rows) == ["'=1+1", "'@sum", "plain"]
        assert {row["model"] for row in rows} == {'\'-x,"y"\n'}
        assert {(row["sessions"], row["cost"], row["run_seconds_p50"]) for row in rows} == {("1", "0", "")}
    assert api.get("analytics/?format=csv&from=2001-01-01&to=2001-01-02").content == b"\r\n"
    problem(api.get("analytics/?format=csv&group=x"), 422, "validation-failed")


def test_a_percentile_is_right_to_five_percent() -> None:
    values = [0.0011 * 1.07**number for number in range(150)]
    buckets: dict[int, int] = {}
    for value in values:
        number = next(n for n in range(400) if BASE * GROWTH**n >= value)
        buckets[number] = buckets.get(number, 0) + 1
    for share, place in ((0.5, 74), (0.95, 142), (0.0, 0), (1.0, 149)):
        assert percentile(buckets, share) == pytest.approx(values[place], rel=0.055)
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize(
    "query",
    [
        *("group=week", "group=", "group=day,day", "group=total,day", "from=yesterday", "to=2026-13-01", "limit=0"),
        *("limit=1001", "session=x", "provider=%00", "cursor=x", "format=csv&from=x"),
    ],
)
def test_a_bad_question_is_refused(api: Caller, query: str) -> None:
    problem(api.get(f"analytics/?{query}"), 422, "validation-failed")


def test_no_parameter_makes_the_server_fail(api: Caller, session: str) -> None:
    for name in ("group", "from", "to", "provider", "model", "session", "limit", "cursor", "format"):
        for value in VALUES.values():
            sound(api.get(f"analytics/?{name}={value}"))
    for cursor in [*CURSORS.values(), *EXTREMES.values(), "WyJhXHUwMDAwIl0"]:
        for group in ("day", "model", "session"):
            sound(api.get(f"analytics/?group={group}&cursor={cursor}"))
