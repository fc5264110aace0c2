"""Whether everything that was accepted has come to its one end: commands by their rows, runs by the log."""

from collections import Counter
from typing import Any

from tests.flow.stack import wait_until
from tests.harness.cluster import Cluster

DONE_WITHIN = 40.0
SAID = "word " * 30
ANSWER = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.02, "text": SAID}}
"""The configuration of a session whose answers take about 0.6 s."""
RUN_ENDS = ["run-completed", "run-failed", "run-interrupted"]

_UNFINISHED = "SELECT 1 FROM bus_work WHERE session = ANY(%s::uuid[]) AND finished_at IS NULL LIMIT 1"
_WORK = "SELECT id::text, state FROM bus_work WHERE session = %s AND kind = 'command'"
_RUNS = "SELECT type, data->>'run_id' FROM bus_storedevent WHERE stream = %s AND type = ANY(%s)"
_GIVEN_UP = "SELECT count(*) FROM bus_storedevent WHERE stream = %s AND type = 'error-occurred'"


def wait_for_the_end(database: Any, *sessions: str) -> None:
    """Until workers have nothing more to do for these sessions."""
    query = lambda: database.execute(_UNFINISHED, [list(sessions)]).fetchone() is None  # noqa: E731
    wait_until(query, deadline=DONE_WITHIN, what="the end of everything accepted")


def check_commands(cluster: Cluster, database: Any, session: str, accepted: dict[str, str]) -> Counter[str]:
    """Each accepted command is stored once, ended once, and had its effect once, or said that it was given up."""
    states = dict(database.execute(_WORK, [session]).fetchall())
    assert set(states) == set(accepted.values()), "accepted and stored are not the same commands"
    ends = Counter(states.values())
    assert set(ends) <= {"done", "parked"}, ends
    effects = Counter(text for _, ident, text in cluster.messages(session) if ident)
    assert effects == Counter(key for key, ident in accepted.items() if states[ident] == "done")
    assert database.execute(_GIVEN_UP, [session]).fetchone()[0] == ends["parked"]
    return ends


def check_runs(database: Any, session: str, accepted: int) -> Counter[str]:
    """Each run that was asked for has one end in the log."""
    rows = database.execute(_RUNS, [session, ["run-requested", *RUN_ENDS]]).fetchall()
    asked = Counter(run for kind, run in rows if kind == "run-requested")
    assert set(asked.values()) <= {1}
    assert len(asked) == accepted
    ended = Counter(run for kind, run in rows if kind in RUN_ENDS)
    assert ended == asked, "runs without an end, or with two"
    return Counter(kind for kind, _ in rows if kind in RUN_ENDS)
