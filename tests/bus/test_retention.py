"""What is kept only for a while goes, whatever else that prunes fails or hangs."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.messages import Context
from bus.models import Idempotency, Work
from bus.work import retention
from bus.work.sweeper import NowAndThen, Sweeper
from sessions_app.commands import AddMessage
from tests.bus.support import wait_until
from tests.story import Story

LONG_AGO = timezone.now() - timedelta(days=1000)


def broken() -> bool:
    raise OSError("no route to the storage")


def test_a_pruner_that_fails_keeps_nothing_else_from_being_pruned(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(retention, "pruners", [broken, lambda: called.append("second")])
    Idempotency.objects.create(principal="user:1", key="old", fingerprint=b"x", created_at=LONG_AGO)
    assert not retention.prune()
    assert called == ["second"]
    assert not Idempotency.objects.exists()


def test_who_has_more_to_prune_is_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [False, True, True]
    monkeypatch.setattr(retention, "outside", [broken, left.pop])
    step = NowAndThen(retention.prune_outside)
    for _ in range(10):
        step()
    assert left == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("which", ["pruners", "outside"])
def test_a_pruner_that_hangs_keeps_no_work_from_being_taken_up(
    story: Story, which: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.BUS_SWEEP_INTERVAL, settings.BUS_SWEEP_GRACE = 0.05, 0.0
    hangs, go = threading.Event(), threading.Event()

    def hanging() -> None:
        hangs.set()
        go.wait(20)

    pruners: list[Callable[[], None]] = [hanging]
    monkeypatch.setattr(retention, which, pruners)
    sweeper = Sweeper()
    sweeper.start()
    try:
        assert hangs.wait(10)
        work = bus.enqueue(AddMessage(session_id=story.id, content="x"), Context(actor=story.actor))
        wait_until(lambda: Work.objects.get(id=work).state == Work.State.DONE, "the work being done")
    finally:
        go.set()
        sweeper.stop()
