"""From the events of a run to its row. Part of `projections`."""

from datetime import timedelta
from typing import Any

import msgspec
from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Value
from django.db.models.functions import Coalesce

from bus.messages import Envelope, Event
from bus.registry import projects
from sessions_app import events
from sessions_app.models import Run
from sessions_app.projections import touch


@projects(events.RunRequested)
def requested(event: events.RunRequested, envelope: Envelope) -> None:
    """It waits for its turn, or for a worker."""
    Run.objects.create(
        id=event.run_id,
        session_id=envelope.stream,
        conversation_id=event.conversation_id,
        provider=event.provider,
        model=event.model,
        tools=event.tools,
        client_tools=msgspec.to_builtins(event.client_tools),
        waits=event.waits,
        first=event.first,
        input=msgspec.to_builtins(event.input),
        on_interrupt=event.on_interrupt,
        retries=event.retries,
        continues=event.continues,
        config=msgspec.to_builtins(event.config),
        timeout=event.timeout,
        time_left=None if event.timeout is None else timedelta(seconds=event.timeout),
        delay=event.delay,
        budget=msgspec.to_builtins(event.budget),
        metadata=event.metadata,
        requested_version=event.upto or envelope.version,
        asked_version=event.asked or (envelope.version if event.waits and event.input is None else None),
        queued_at=envelope.recorded_at,
    )
    touch(envelope)


@projects(events.CompactionRequested)
def compaction_requested(event: events.CompactionRequested, envelope: Envelope) -> None:
    """It is not to answer."""
    change_run(event, envelope, compacts=True)


@projects(events.RunInputChanged)
def input_changed(event: events.RunInputChanged, envelope: Envelope) -> None:
    """It is to answer something else."""
    change_run(event, envelope, input=msgspec.to_builtins(event.input))


@projects(events.RunReleased)
def released(event: events.RunReleased, envelope: Envelope) -> None:
    """Its turn has come: it answers the conversation as it is now, unless it goes back to an earlier version."""
    run = Run.objects.only("retries", "requested_version").get(id=event.run_id)
    upto = run.requested_version if run.retries else envelope.version
    change_run(event, envelope, waits=False, input=None, requested_version=upto)


@projects(events.RunStarted)
def started(event: events.RunStarted, envelope: Envelope) -> None:
    """A worker has it, and from the first one on its time runs."""
    now = Value(envelope.recorded_at, DateTimeField())
    change_run(
        event,
        envelope,
        state=Run.State.RUNNING,
        attempt=event.attempt,
        started_at=envelope.recorded_at,
        deadline=Coalesce("deadline", ExpressionWrapper(now + F("time_left"), DateTimeField())),
    )


@projects(events.RunContinued)
def continued(event: events.RunContinued, envelope: Envelope) -> None:
    """The next text begins."""
    change_run(event, envelope, attempt=event.attempt)


@projects(events.RunRequiresAction)
def requires_action(event: events.RunRequiresAction, envelope: Envelope) -> None:
    """It waits for decisions, which is none of its time."""
    undecided = dict.fromkeys(event.tool_call_ids)
    left = ExpressionWrapper(F("deadline") - Value(envelope.recorded_at, DateTimeField()), DurationField())
    change_run(event, envelope, state=Run.State.REQUIRES_ACTION, decisions=undecided, time_left=left, deadline=None)


@projects(events.RunToolCallDecided)
def decided(event: events.RunToolCallDecided, envelope: Envelope) -> None:
    """One decision."""
    run = Run.objects.only("decisions").get(id=event.run_id)
    change_run(event, envelope, decisions={**run.decisions, event.tool_call_id: event.approved})


@projects(events.RunResumed)
def resumed(event: events.RunResumed, envelope: Envelope) -> None:
    """It waits for a worker again."""
    change_run(event, envelope, state=Run.State.QUEUED)


@projects(events.RunRetrying)
def retrying(event: events.RunRetrying, envelope: Envelope) -> None:
    """It waits for its next try."""
    run = Run.objects.only("failures").get(id=event.run_id)
    failure = {"code": event.code, "error": event.error, "at": envelope.recorded_at.isoformat()}
    change_run(event, envelope, state=Run.State.QUEUED, failures=[*run.failures, failure])


@projects(events.RunCancelRequested)
def cancel_requested(event: events.RunCancelRequested, envelope: Envelope) -> None:
    """The worker that has it looks here."""
    change_run(event, envelope, cancel_requested=True)


@projects(events.RunCompleted)
def completed(event: events.RunCompleted, envelope: Envelope) -> None:
    """It ended with a message."""
    end_run(
        event,
        envelope,
        state=Run.State.COMPLETED,
        message=event.message_id,
        finish_reason=event.finish_reason,
        first_token=event.first_token,
    )


@projects(events.RunIncomplete)
def incomplete(event: events.RunIncomplete, envelope: Envelope) -> None:
    """It ended before its end."""
    end_run(event, envelope, state=Run.State.INCOMPLETE, message=event.message_id, finish_reason=event.reason)


@projects(events.RunFailed)
def failed(event: events.RunFailed, envelope: Envelope) -> None:
    """It ended without an answer."""
    end_run(event, envelope, state=Run.State.FAILED, error=event.error, error_code=event.code, message=event.message_id)


@projects(events.RunCancelled)
def cancelled(event: events.RunCancelled, envelope: Envelope) -> None:
    """It ended before it began."""
    end_run(event, envelope, state=Run.State.CANCELLED)


@projects(events.RunInterrupted)
def interrupted(event: events.RunInterrupted, envelope: Envelope) -> None:
    """It was cut off; what it had said is a message."""
    end_run(event, envelope, state=Run.State.INTERRUPTED, message=event.message_id)


def end_run(event: Event, envelope: Envelope, **changes: Any) -> None:
    """Its last change."""
    change_run(event, envelope, waits=False, finished_at=envelope.recorded_at, **changes)


def change_run(event: Event, envelope: Envelope, **changes: Any) -> None:
    """Change the row of the run an event is about."""
    run_id = event.run_id  # type: ignore[attr-defined]
    Run.objects.filter(id=run_id, session_id=envelope.stream).update(**changes)
    touch(envelope)
