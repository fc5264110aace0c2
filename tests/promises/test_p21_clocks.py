"""P21: the clocks of the hosts do not matter. One web and one worker are two minutes fast, the others two minutes slow:
leases, order, times, idempotency and answers are right by the database's clock."""

import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import pytest

from tests.flow.stack import Process, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log
from tests.promises.conftest import QUICK, WORKER
from tests.promises.ends import ANSWER, check_runs, wait_for_the_end
from tests.promises.load import Asker, Enqueuer, Writer

SKEW = 120
LEASE = 3.0
AT_ONCE = 10
"""Answers that take about 9 s; both workers take some."""
LONG = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.05, "text": "word " * 180}}
TAKEN_OVER = 4 * LEASE

_TIMES = """
SELECT table_name, column_name FROM information_schema.columns
WHERE data_type LIKE 'timestamp%' AND (table_name LIKE 'bus\\_%' OR table_name LIKE 'sessions\\_app\\_%')
"""
_STATES = "SELECT state, attempts, fence FROM bus_work WHERE session = ANY(%s::uuid[])"
_RENEWED = """
SELECT min(lease_until) > min(created_at) + make_interval(secs => %s) FROM bus_work WHERE session = ANY(%s::uuid[])
"""
_OWNED = "SELECT count(*) FROM bus_work WHERE session = ANY(%s::uuid[]) AND owner LIKE %s"


class SkewedCluster(Cluster):
    """Even processes are fast, odd ones slow."""

    def _process(self, name: str, arguments: list[str], environment: dict[str, str]) -> Process:
        skew = SKEW if name.endswith("0") else -SKEW
        plugins = f"tests.harness.skewed_clock,{environment['PLUGINS']}"  # first: a mutant is told the wrong time, too
        return super()._process(name, arguments, {**environment, "PLUGINS": plugins, "CLOCK_SKEW": str(skew)})


@pytest.fixture(scope="module")
def skewed() -> Iterator[SkewedCluster]:
    """Two webs, two workers, wrong clocks everywhere."""
    made = SkewedCluster(f"skewed_{WORKER}", settings={**QUICK, "RUN_CONCURRENCY": str(AT_ONCE - 4)})
    try:
        made.start()
        yield made
    finally:
        made.stop()


def wrong_by(cluster: Cluster, web: int) -> float:
    """How far a web's clock is from ours, in seconds, by what it says in its answers."""
    said = parsedate_to_datetime(cluster.browser(web).client.get("/healthz").headers["date"])
    return (said - datetime.now(UTC)).total_seconds()


def furthest(database: Any) -> dict[str, float]:
    """For each column with a time, how far its values are from the database's clock at most, in seconds."""
    found = {}
    for table, column in database.execute(_TIMES).fetchall():
        query = f"SELECT max(abs(extract(epoch FROM now() - {column}))) FROM {table}"
        found[f"{table}.{column}"] = float(database.execute(query).fetchone()[0] or 0)
    return found


def test_order_times_keys_and_answers_are_the_databases(skewed: SkewedCluster, history: History) -> None:
    assert wrong_by(skewed, 0) > SKEW / 2, "the fast web is not fast: nothing is tried"
    assert wrong_by(skewed, 1) < -SKEW / 2, "the slow web is not slow: nothing is tried"
    browser = skewed.browser()
    session, queued, answered = browser.new_session(), browser.new_session(), browser.new_session(config=ANSWER)
    writers = [Writer(skewed.browser(number), session, history) for number in range(2)]
    for number in range(20):
        for writer in (writers[number % 2], writers[(number + 1) % 2]):  # the other web knows the key
            writer.write(f"{session}-{number}")
    for number in range(4):
        Asker(skewed.browser(number), answered, history).write(f"{answered}-{number}")
        Enqueuer(skewed.browser(number), queued, history).write(f"{queued}-{number}")
    with skewed.connect() as database:
        wait_for_the_end(database, queued, answered)
        assert check_runs(database, answered, 4) == {"run-completed": 4}
        order = "SELECT recorded_at FROM bus_storedevent WHERE stream = %s ORDER BY version"
        recorded = [row[0] for row in database.execute(order, [session]).fetchall()]
        assert recorded == sorted(recorded), "the order of the log is not the order of its times"
        times = furthest(database)
    history.figures("furthest from now", **times)
    assert not {name: seconds for name, seconds in times.items() if seconds > SKEW / 2}
    check_log(history, skewed.messages(session), prefix=session)
    assert len(skewed.messages(session)) == 1 + 20
    assert len(skewed.messages(queued)) == 1 + 4


def states(database: Any, sessions: list[str]) -> list[tuple[str, int, int]]:
    """(state, attempts, fence) of the sessions' work."""
    return sorted(database.execute(_STATES, [sessions]).fetchall())


def first(database: Any, query: str, parameters: list[Any]) -> Any:
    """The one value of a query."""
    return database.execute(query, parameters).fetchone()[0]


def test_a_lease_is_kept_while_its_worker_lives_and_taken_over_soon_after_it_died(
    skewed: SkewedCluster, history: History
) -> None:
    browser, doomed = skewed.browser(), skewed.workers[0]
    sessions = [browser.new_session(config=LONG) for _ in range(AT_ONCE)]
    for session in sessions:
        Asker(browser, session, history).write(f"{session}-asked")
    assert doomed.process is not None
    with skewed.connect() as database:
        held = partial(states, database, sessions)
        wait_until(lambda: held() == [("running", 1, 1)] * AT_ONCE, what="all answers being under way")
        wait_until(
            partial(first, database, _RENEWED, [3 * LEASE, sessions]),
            what="all leases being renewed for two of their lengths",
        )
        assert held() == [("running", 1, 1)] * AT_ONCE, "work was taken from a worker that lives"
        mine = first(database, _OWNED, [sessions, f"%:{doomed.process.pid}"])
        assert 0 < mine < AT_ONCE, "one worker has everything: nothing is tried"
        doomed.stop(signal.SIGKILL)
        taken = lambda: sum(row[1:] == (2, 2) for row in held()) == mine  # noqa: E731
        wait_until(taken, deadline=TAKEN_OVER, what="the slow worker taking over from the fast one")
        for session in sessions:
            wait_for_the_end(database, session)
        assert held() == [("done", 1, 1)] * (AT_ONCE - mine) + [("done", 2, 2)] * mine
        ends = sum((Counter(check_runs(database, session, 1)) for session in sessions), start=Counter[str]())
    assert ends == {"run-completed": AT_ONCE - mine, "run-interrupted": mine}
