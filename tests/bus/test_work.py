"""Queued commands: run by whoever claims them, their effect and their end in one commit, given up after three tries."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.exceptions import IdempotencyMismatch, LeaseLost, NoHandler, NotFound
from bus.messages import Actor, Command, Context, Event, SessionCommand, uuid7
from bus.models import Work
from bus.registry import default
from bus.work import kinds, lease, queue, runner, sweeper
from bus.work.sweeper import Sweeper
from sessions_app import commands, events
from sessions_app.models import Message, Session
from tests.bus.support import execute, in_threads, wait_until
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


class Disturb(SessionCommand):
    """A command whose handler the test chooses."""


Handle = Callable[[Callable[..., Any]], None]


@pytest.fixture
def disturb(monkeypatch: pytest.MonkeyPatch) -> Handle:
    """Registers a handler for Disturb, for this test only."""
    monkeypatch.setitem(cast("dict[str, Any]", default.commands), Disturb.type, Disturb)

    def register(handler: Callable[..., Any]) -> None:
        monkeypatch.setitem(cast("dict[Any, Any]", default.handlers), Disturb, handler)

    return register


def queued(story: Story, command: Command, **context: Any) -> UUID:
    """Enqueue as the story's actor."""
    return bus.enqueue(command, Context(actor=story.actor, **context))


def due_again(work: UUID) -> None:
    """Let the delay after a failure be over."""
    execute("UPDATE bus_work SET run_after = now() WHERE id = %s", work)


def problem(work: UUID) -> dict[str, Any]:
    """What its row says went wrong."""
    found = Work.objects.get(id=work).error
    assert isinstance(found, dict)
    return found


def state(work: UUID) -> str:
    """The work's state."""
    return Work.objects.values_list("state", flat=True).get(id=work)


def test_a_queued_command_is_run_by_a_worker_under_its_own_id(story: Story) -> None:
    work = queued(story, commands.AddMessage(session_id=story.id, content="later"), correlation_id="c")
    assert story.types() == ["session-created"]
    assert runner.run(work) is True
    row = Work.objects.get(id=work)
    assert row.result is not None
    assert (row.state, row.result["version"], row.error) == ("done", 2, None)
    added = story.events()[-1]
    assert (added.causation_id, added.actor, added.correlation_id) == (work, story.actor, "c")
    assert row.result["data"]["id"] == str(Message.objects.get().id)
    assert runner.run(work) is False
    assert runner.active == {}
    assert_replay_rebuilds_the_same_rows()


def test_of_two_workers_with_the_same_hint_one_runs_it(story: Story) -> None:
    for _ in range(5):
        work = queued(story, commands.AddMessage(session_id=story.id, content="once"))
        assert sorted(in_threads(*[partial(runner.run, work)] * 2)) == [False, True]
    assert story.types()[1:] == ["message-added"] * 5


def test_the_effect_and_the_end_commit_together(story: Story, disturb: Handle) -> None:
    def taken_over(command: Disturb, context: Context) -> Iterator[Event]:
        yield events.SessionUpdated(updates={"title": "written by an outdated worker"})
        execute("UPDATE bus_work SET fence = fence + 1 WHERE id = %s", context.command_id)

    disturb(taken_over)
    work = bus.enqueue(Disturb(session_id=story.id), Context(actor=story.actor))
    assert runner.run(work) is True
    assert story.types() == ["session-created"]
    assert state(work) == "running"


def test_a_worker_that_comes_back_after_losing_its_lease_writes_nothing(story: Story) -> None:
    work = queued(story, commands.AddMessage(session_id=story.id, content="once"))
    old = lease.claim(work, "old", runner.takes())
    assert old is not None
    execute("UPDATE bus_work SET lease_until = now() - interval '1 second' WHERE id = %s", work)
    assert runner.run(work) is True
    do_command = kinds.named("command").run
    assert do_command is not None
    with pytest.raises(LeaseLost):
        do_command(old)
    assert story.types() == ["session-created", "message-added"]


def test_a_refused_command_ends_failed_with_its_problem(story: Story) -> None:
    work = queued(story, commands.UpdateMessage(session_id=story.id, message_id=uuid7(), content="x"))
    runner.run(work)
    row = Work.objects.get(id=work)
    assert (row.state, row.attempts) == ("failed", 1)
    assert (problem(work)["code"], problem(work)["status"]) == ("not-found", 404)
    assert story.types() == ["session-created"]


def test_an_expected_version_is_checked_when_the_command_runs(story: Story) -> None:
    right = queued(story, commands.AddMessage(session_id=story.id, content="a"), expected_version=1)
    late = queued(story, commands.AddMessage(session_id=story.id, content="b"), expected_version=1)
    runner.run(right)
    runner.run(late)
    assert (state(right), state(late)) == ("done", "failed")
    assert problem(late)["current_version"] == 2


def test_a_handler_that_raises_is_tried_three_times_then_parked_and_reported(story: Story, disturb: Handle) -> None:
    def broken(command: Disturb, context: Context) -> None:
        raise RuntimeError("always")

    disturb(broken)
    work = bus.enqueue(Disturb(session_id=story.id), Context(actor=story.actor))
    for attempt in (1, 2):
        assert runner.run(work) is True
        row = Work.objects.get(id=work)
        assert (row.state, row.attempts) == ("queued", attempt)
        assert "always" in problem(work)["detail"]
        assert runner.run(work) is False, "a failed try is not repeated at once"
        due_again(work)
    runner.run(work)
    assert state(work) == "parked"
    reported = default.open(story.events()[-1])
    assert story.types() == ["session-created", "error-occurred"]
    shown = getattr(reported, "error", "")
    assert "RuntimeError" in shown
    assert "always" not in shown, "what an exception says is for operators"
    assert getattr(reported, "command_id", None) == work
    due_again(work)
    assert runner.run(work) is False


def test_a_handler_that_fails_once_succeeds_the_next_time(story: Story, disturb: Handle) -> None:
    tries: list[int] = []

    def flaky(command: Disturb, context: Context) -> Iterator[Event]:
        tries.append(1)
        yield events.SessionUpdated(updates={"title": "done"})
        if len(tries) == 1:
            raise RuntimeError("this once")

    disturb(flaky)
    work = bus.enqueue(Disturb(session_id=story.id), Context(actor=story.actor))
    runner.run(work)
    due_again(work)
    runner.run(work)
    assert state(work) == "done"
    assert story.types() == ["session-created", "session-updated"]


def test_parked_work_of_a_session_that_is_gone_keeps_its_error_in_the_row(story: Story, disturb: Handle) -> None:
    disturb(lambda command, context: 1 / 0)
    work = bus.enqueue(Disturb(session_id=story.id))
    execute("UPDATE bus_work SET max_attempts = 1 WHERE id = %s", work)
    Session.objects.all().delete()
    runner.run(work)
    row = Work.objects.get(id=work)
    assert row.state in ("parked", "failed")
    assert row.error


def test_work_accepted_in_a_transaction_that_fails_was_never_accepted(story: Story) -> None:
    with transaction.atomic():
        queued(story, commands.AddMessage(session_id=story.id, content="never"))
        transaction.set_rollback(True)
    assert not Work.objects.exists()


def test_a_command_nobody_handles_is_not_accepted(story: Story) -> None:
    with pytest.raises(NoHandler):
        bus.enqueue(Disturb(session_id=story.id))
    assert not Work.objects.exists()


def test_an_idempotency_key_makes_one_piece_of_work(story: Story) -> None:
    command = commands.AddMessage(session_id=story.id, content="once")
    ids = in_threads(*[lambda: queued(story, command, idempotency_key="k")] * 10)
    assert len(set(ids)) == 1
    assert Work.objects.count() == 1
    with pytest.raises(IdempotencyMismatch):
        queued(story, commands.AddMessage(session_id=story.id, content="other"), idempotency_key="k")
    runner.run(ids[0])
    assert queued(story, command, idempotency_key="k") == ids[0]
    assert story.types() == ["session-created", "message-added"]


def test_the_sweeper_takes_up_work_nobody_took(story: Story, settings: Settings) -> None:
    settings.BUS_SWEEP_INTERVAL, settings.BUS_SWEEP_GRACE = 0.05, 0.0
    sweeper = Sweeper()
    sweeper.start()
    try:
        work = [queued(story, commands.AddMessage(session_id=story.id, content=str(n))) for n in range(5)]
        wait_until(lambda: {state(one) for one in work} == {"done"}, "the work being done")
    finally:
        sweeper.stop()
    assert story.types()[1:] == ["message-added"] * 5


def test_the_sweeper_leaves_fresh_work_to_the_hints_and_takes_over_from_the_dead(
    story: Story, settings: Settings
) -> None:
    settings.BUS_SWEEP_GRACE = 60
    fresh = queued(story, commands.AddMessage(session_id=story.id, content="fresh"))
    dead = queued(story, commands.AddMessage(session_id=story.id, content="taken over"))
    lease.claim(dead, "a worker that died", runner.takes())
    execute("UPDATE bus_work SET lease_until = now() - interval '1 second' WHERE id = %s", dead)
    Sweeper().sweep()
    wait_until(lambda: state(dead) == "done", "the dead worker's work being done")
    assert state(fresh) == "queued"


def test_the_sweeper_parks_and_reports_what_killed_its_workers(story: Story) -> None:
    work = queued(story, commands.AddMessage(session_id=story.id, content="poison"))
    for _ in range(3):
        lease.claim(work, "a worker that died", runner.takes())
        execute("UPDATE bus_work SET lease_until = now() - interval '1 second' WHERE id = %s", work)
    Sweeper().sweep()
    assert state(work) == "parked"
    assert story.types() == ["session-created", "error-occurred"]
    assert "its worker died 3 times" in story.events()[-1].fields()["error"]


def test_what_runs_here_is_renewed_and_what_was_lost_is_let_go(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, lost = (queued(story, commands.AddMessage(session_id=story.id, content="x")) for _ in range(2))
    for work in (kept, lost):
        held = lease.claim(work, runner.OWNER, runner.takes())
        assert held is not None
        monkeypatch.setitem(runner.active, held.id, held)
    execute("UPDATE bus_work SET lease_until = now() + interval '1 second' WHERE id = %s", kept)
    execute("UPDATE bus_work SET fence = fence + 1 WHERE id = %s", lost)
    sweeper.renew()
    left = Work.objects.extra(where=["lease_until > now() + interval '10 seconds'"])
    assert left.filter(id=kept).exists()
    assert set(runner.active) & {kept, lost} == {kept}


def test_work_whose_end_cannot_be_reported_is_parked_and_stops_nobody(story: Story) -> None:
    def cannot(held: lease.Lease, detail: str) -> None:
        raise RuntimeError("a plugin's mistake")

    kinds.register(kinds.Kind(name="unreportable", task="none", run=lambda held: None, parked=cannot))
    poison = uuid7()
    queue.add("unreportable", poison, "poison", Context(), session=story.id, max_attempts=1, delay=60)
    execute(
        "UPDATE bus_work SET state = 'running', attempts = 1, lease_until = now() - interval '1 s' WHERE id = %s",
        poison,
    )
    assert runner.park_one()
    assert not runner.park_one()
    assert Work.objects.get(id=poison).state == Work.State.PARKED


def test_work_is_done_in_the_name_of_who_asked(story: Story) -> None:
    who = Actor("plugin", "a-plugin")
    work = bus.enqueue(commands.AddMessage(session_id=story.id, content="x"), Context(actor=who))
    assert runner.run(work)
    assert story.events()[-1].actor == who


def test_work_that_would_be_refused_is_not_accepted(story: Story) -> None:
    with pytest.raises(NotFound):
        bus.enqueue(commands.AddMessage(session_id=story.id, content="x"), Context(actor=Actor("user", "0")))
    assert not Work.objects.exists()
