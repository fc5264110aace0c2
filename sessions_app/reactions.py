"""What follows within the same transaction: a run becomes work for a worker, its budget is set aside and settled, the
next run's turn comes.

Reactions and not projections: a replay rebuilds rows, it must not ask a model again."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from bus.exceptions import AlreadyExists
from bus.messages import Context, Envelope, Event
from bus.registry import reacts_to
from bus.work import queue
from sessions_app import events
from sessions_app.artifacts import blobs
from sessions_app.factory import message_added
from sessions_app.llm import admission, budgets, engine
from sessions_app.models import Run, Session
from sessions_app.queries import active_in
from sessions_app.values import Role, to_content


@reacts_to(events.RunRequested, required=True)
def set_aside_budget(event: events.RunRequested, envelope: Envelope) -> None:
    """Refuses the run that a budget does not allow."""
    session = Session.objects.get(id=envelope.stream)
    admission.set_aside(session, event.run_id, event, event.tokens)


@reacts_to(events.RunInputChanged, required=True)
def set_aside_again(event: events.RunInputChanged, envelope: Envelope) -> None:
    """What it is to answer now may be longer."""
    budgets.release(event.run_id)
    run = Run.objects.select_related("session").get(id=event.run_id)
    admission.set_aside(run.session, run.id, run, event.tokens)


@reacts_to(events.TokenMetricsUpdated, required=True)
def spend_budget(event: events.TokenMetricsUpdated, envelope: Envelope) -> None:
    """What a request of a run used is spent at once."""
    if event.run_id is not None:
        budgets.spend(event.run_id, budgets.Actual(event.prompt_tokens + event.completion_tokens, event.cost))


@reacts_to(events.RunContinued, required=True)
def check_budget(event: events.RunContinued, envelope: Envelope) -> None:
    """Refuses the next request of a run whose budget is used up."""
    budgets.check_again(event.run_id)


@reacts_to(*events.RUN_ENDS, required=True)
def release_budget(event: Any, envelope: Envelope) -> None:
    """What was set aside for another request is free again, and nobody need look at it any more."""
    budgets.release(event.run_id)
    queue.drop(event.run_id)


@reacts_to(events.RunRequested, required=True)
def queue_run(event: events.RunRequested, envelope: Envelope) -> None:
    """The run's work row, under the run's id, unless its turn has not come."""
    if not event.waits:
        _queue(event.run_id, event.model, envelope, event.delay)


@reacts_to(events.RunReleased, required=True)
def queue_released(event: events.RunReleased, envelope: Envelope) -> None:
    """Its turn has come; what is left of its delay it still waits for."""
    run = Run.objects.only("delay", "queued_at").get(id=event.run_id)
    waited = (envelope.recorded_at - run.queued_at).total_seconds()
    _queue(event.run_id, "", envelope, max(0.0, run.delay - waited))


@reacts_to(events.RunResumed, required=True)
def wake_run(event: events.RunResumed, envelope: Envelope) -> None:
    """Everything it asked for is decided."""
    queue.wake(event.run_id)


@reacts_to(events.ArtifactStored, required=True)
def hold_bytes(event: events.ArtifactStored, envelope: Envelope) -> None:
    """What an artifact refers to is there, and cannot be collected before the artifact is seen to refer to it."""
    if not blobs.hold(event.sha256):
        raise blobs.BlobGone


@reacts_to(events.SessionDeleted, required=True)
def drop_runs(event: events.SessionDeleted, envelope: Envelope) -> None:
    """Nobody takes them up any more; one at work is stopped by the worker that has it."""
    queue.drop_all(engine.KIND, envelope.stream)


def _queue(run_id: UUID, name: str, envelope: Envelope, delay: float) -> None:
    context = Context(actor=envelope.actor, correlation_id=envelope.correlation_id)
    session, tries = envelope.session_id, engine.TRIES
    if not queue.add(engine.KIND, run_id, name, context, session=session, delay=delay, max_attempts=tries):
        raise AlreadyExists(f"The id {run_id} is taken.")


@reacts_to(*events.RUN_ENDS, required=True)
def release_next(event: Any, envelope: Envelope) -> Iterator[Event]:
    """The next run that waits in the conversation has its turn; what it answers joins the conversation now."""
    ended = Run.objects.filter(id=event.run_id).values("conversation_id")
    waiting = Run.objects.filter(conversation_id__in=ended, waits=True, state=Run.State.QUEUED)
    following = waiting.order_by("-first", "requested_version").only("conversation_id", "input").first()
    if following is None or active_in(following.conversation_id) is not None:
        return
    if following.input is not None:
        yield message_added(following.conversation_id, Role.USER, to_content(following.input))
    yield events.RunReleased(run_id=following.id)
