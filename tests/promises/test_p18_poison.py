"""P18: poison is contained. A command, or a run, that kills the worker it runs in is tried as often as it may be, then
parked, with a word where people look; the workers go on with everything else."""

from functools import partial
from uuid import UUID

from tests.flow.stack import Browser, Process, wait_until
from tests.harness.cluster import Cluster
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.promises.answers import SHORT, Talk, log_of, the_end

TRIES = 3
RUN_TRIES = 2
"""A run has five; each takes the time in which a worker starts."""
_OVER = "UPDATE bus_work SET lease_until = now() WHERE session = %s AND state = 'running'"
"""The wait for the leases of the dead to run out, cut short."""
_STATE = "SELECT state, attempts FROM bus_work WHERE session = %s"


def enqueue(browser: Browser, session: str) -> None:
    """Leave a deadly command to the workers."""
    body = {"name": "die-here", "payload": {"session_id": session}}
    answer = browser.call("POST", "commands/", body, Prefer="respond-async")
    assert answer.status_code == 202, answer.text


def has_died(worker: Process) -> bool:
    """Whether somebody has to start it again."""
    return worker.process is not None and worker.process.poll() is not None


def supervised(cluster: Cluster, session: str, tries: int) -> bool:
    """What a supervisor does: start the dead again. Whether the session's work has come to its end."""
    with cluster.connect() as database:
        for worker in cluster.workers:
            if has_died(worker):
                worker.start()
                database.execute(_OVER, [session])
        return bool(database.execute(_STATE, [session]).fetchone() == ("parked", tries))


def given_up(cluster: Cluster, session: str, tries: int) -> None:
    """Return once it has killed so many workers and is parked."""
    wait_until(partial(supervised, cluster, session, tries), what="the end of what kills its workers")
    assert len(list(cluster.folder.glob(f"{UUID(session)}.*.died"))) == tries


def test_a_command_that_kills_its_worker_is_given_up_and_said_so(cluster: Cluster) -> None:
    browser = cluster.browser()
    session = browser.new_session()
    enqueue(browser, session)
    given_up(cluster, session, TRIES)
    assert [kind for kind, _ in log_of(cluster, session)] == ["session-created", "error-occurred"]


def test_a_run_that_kills_its_worker_fails_and_others_go_on(cluster: Cluster, provider: ScriptedProvider) -> None:
    browser = cluster.browser()
    talk = Talk(browser, provider, Script(tool="die_as_a_tool"), tools=["die_as_a_tool"])
    run = talk.ask()
    with cluster.connect() as database:
        database.execute("UPDATE bus_work SET max_attempts = %s WHERE id = %s", [RUN_TRIES, run])
    given_up(cluster, talk.session, RUN_TRIES)
    shown = talk.ended(run)
    assert (shown["state"], shown["error_code"]) == ("failed", "worker-died")
    assert the_end(cluster, talk.session, run).type == "run-failed"
    assert len(talk.calls) == 1, "what was called is stored, and not asked for again"
    healthy = Talk(browser, provider, SHORT)
    assert healthy.ended(healthy.ask())["state"] == "completed"
