"""P3, for answers: a worker that was frozen for longer than its lease changes nothing when it wakes up, and closes its
call of the provider."""

import signal
from functools import partial

import pytest
from django.contrib.auth.models import User

from bus.models import Work
from bus.work import runner
from sessions_app import commands
from tests.flow.stack import Process, wait_until
from tests.harness.cluster import Cluster
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.promises.answers import ENDLESS, Pieces, Talk, closed, log_of, owner, the_end
from tests.runs import ask, settled, told, until

NOTICED_WITHIN = 3.0
"""Seconds after it wakes up: leases are renewed every second."""
FIRST = Script(words=100, pause=0.02)
"""It ends while its worker is frozen: the rest is there at once when that wakes up."""
SECOND = Pieces.of(*(f"second{number} " for number in range(100)), pause=0.04)
TRIES = 20
_WORK = "SELECT state, fence, attempts FROM bus_work WHERE id = %s"
_CHUNKS = "SELECT DISTINCT attempt FROM sessions_app_runchunk WHERE run = %s"


def beside(cluster: Cluster, worker: Process, provider: ScriptedProvider) -> tuple[Talk, str]:
    """An endless answer of the same worker."""
    for _ in range(TRIES):
        talk = Talk(cluster.browser(), provider, ENDLESS, SECOND)
        run = talk.ask(on_interrupt="retry")
        if owner(cluster, run) is worker:
            return talk, run
        talk.browser.call("POST", f"runs/{run}/cancel/", {})
    raise AssertionError(f"{TRIES} runs, and none of them at {worker.name}")


def check_untouched(cluster: Cluster, zombie: Process, talk: Talk, run: str) -> None:
    """The worker that woke up gives up, and the other one goes on as if nothing had been."""
    said = f"run {run} was taken over".encode()
    wait_until(partial(zombie.has_said, said), deadline=NOTICED_WITHIN, what="the frozen worker giving up")
    assert talk.calls[1].outcome == "open", "the second answer ended too soon to prove anything"
    with cluster.connect() as database:
        assert database.execute(_WORK, [run]).fetchone() == ("running", 2, 2)
        wait_until(lambda: (2,) in database.execute(_CHUNKS, [run]).fetchall(), what="the second text being stored")
    begun = [data["attempt"] for kind, data in log_of(cluster, talk.session) if kind == "run-started"]
    assert begun == [1, 2]


def test_a_frozen_worker_changes_nothing_in_an_answer(cluster: Cluster, provider: ScriptedProvider) -> None:
    ending = Talk(cluster.browser(), provider, FIRST, SECOND)
    first = ending.ask(on_interrupt="retry")
    zombie = owner(cluster, first)
    endless, second = beside(cluster, zombie, provider)
    calls = [ending.speaks(10), endless.speaks(10)]
    zombie.kill(signal.SIGSTOP)
    for talk in (ending, endless):
        talk.speaks(10, call=1)
    assert calls[0].outcome == "finished"
    zombie.kill(signal.SIGCONT)
    for talk, run in ((ending, first), (endless, second)):
        check_untouched(cluster, zombie, talk, run)
    closed(calls[1], NOTICED_WITHIN)
    for talk, run, old in ((ending, first, "finished"), (endless, second, "aborted")):
        assert talk.ended(run)["state"] == "completed"
        assert the_end(cluster, talk.session, run)[:2] == ("run-completed", [SECOND.text])
        assert [call.outcome for call in talk.calls] == [old, "finished"]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_takes_its_own_lost_answer_up_again_does_it_once(alice: User) -> None:
    story = told(alice, delay=0.02, repeat=500, text="word")
    run = ask(story, on_interrupt="retry")
    assert runner.run(run)
    until(run, state="running", attempt=1)
    old = runner.flows[run]
    Work.objects.filter(id=run).update(lease_until="2020-01-01T00:00:00Z")
    assert runner.run(run)
    wait_until(old.done, deadline=NOTICED_WITHIN, what="the end of the answer that was lost")
    until(run, state="running", attempt=2)
    assert not runner.flows[run].done()
    story.tell(commands.CancelRun, run_id=run)
    assert settled(run).state in ("incomplete", "cancelled")
