"""A worker that is asked to end (SIGTERM) lets its answers go on for a while, then hands back those that have not begun
to speak: another worker goes on at once, without waiting for a lease to run out."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.flow.stack import Browser, Stack, wait_until
from tests.harness.history import History
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.promises.answers import ENDLESS, SHORT, SILENT, Talk, the_end
from tests.promises.conftest import asking

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
GRACE = 1.0
LEASE = 60
TAKEN_UP = 15.0
"""Seconds: far less than the lease."""
_ATTEMPTS = "SELECT attempts FROM bus_work WHERE id = %s"


@pytest.fixture
def own(provider: ScriptedProvider) -> Iterator[Stack]:
    """A web and two workers, the second of which is not started yet; leases that outlast the test."""
    settings = {**asking(provider), "RUN_GRACE": str(GRACE), "BUS_LEASE_SECONDS": str(LEASE), "BUS_SWEEP_GRACE": "0.5"}
    made = Stack(f"handed_{WORKER}", workers=2, settings=settings)
    second = made.workers.pop()
    try:
        made.start()
        made.workers.append(second)
        yield made
    finally:
        made.stop()


def test_what_has_not_spoken_is_handed_back_and_what_has_is_kept(
    own: Stack, provider: ScriptedProvider, history: History
) -> None:
    browser: Browser = own.login("alice")
    silent, repeated = Talk(browser, provider, SILENT, SHORT), Talk(browser, provider, ENDLESS, SHORT)
    spoken, ending = Talk(browser, provider, ENDLESS), Talk(browser, provider, Script(words=20, pause=0.02))
    runs = [silent.ask(), repeated.ask(on_interrupt="retry"), spoken.ask(), ending.ask()]
    silent.asked()
    for talk in (repeated, spoken, ending):
        talk.speaks(3)
    own.workers[0].kill(signal.SIGTERM)
    asked = time.monotonic()
    own.workers[1].start()
    states = [
        talk.ended(run, TAKEN_UP)["state"] for talk, run in zip((silent, repeated, spoken, ending), runs, strict=True)
    ]
    history.figures("handed back", seconds=round(time.monotonic() - asked, 2))
    assert states == ["completed", "completed", "interrupted", "completed"]
    for talk, run in ((silent, runs[0]), (repeated, runs[1])):
        assert the_end(own, talk.session, run).texts == [SHORT.text]
        assert [call.outcome for call in talk.calls] == ["aborted", "finished"]
    kept = the_end(own, spoken.session, runs[2])
    assert (kept.type, kept.metadata) == ("run-interrupted", [{"incomplete": True}])
    assert ENDLESS.text.startswith(kept.texts[0])
    with own.connect() as database:
        assert database.execute(_ATTEMPTS, [runs[0]]).fetchone() == (1,), "the worker's end counts as no try"
    wait_until(lambda: own.workers[0].process.poll() == 0, what="the worker's end")  # type: ignore[union-attr]
