"""From events to rows: the only writers of Session, Conversation, Message and Run. Idempotence is the log's business.

The hot one (`message-added`) is set-based SQL: the append carries it in its own statement, a replay runs it over many
events at once. The others are few per session and use the ORM."""

from typing import Any

import msgspec
from django.db.models import F

from bus.messages import Envelope, Event
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import Conversation, Message, Run, Session
from sessions_app.values import merge

registry.projection_models += [Session, Conversation, Message, Run]

_INSERT_MESSAGES = """
INSERT INTO sessions_app_message
    (id, session_id, conversation_id, position, role, content, tool_call_id, tool_calls, metadata, run,
     created_at, updated_at)
SELECT (data->>'message_id')::uuid, stream, (data->>'conversation_id')::uuid, version, data->>'role', data->'content',
       data->>'tool_call_id', data->'tool_calls', data->'metadata', (data->>'run_id')::uuid, recorded_at, recorded_at
FROM appended WHERE type = 'message-added'
"""

_COUNT_MESSAGES = """
UPDATE sessions_app_session AS s
SET message_count = message_count + added.n, updated_at = greatest(s.updated_at, added.latest)
FROM (SELECT stream, count(*) AS n, max(recorded_at) AS latest
      FROM appended WHERE type = 'message-added' GROUP BY stream) AS added
WHERE s.id = added.stream
"""

projects(events.MessageAdded, sql=(_INSERT_MESSAGES, _COUNT_MESSAGES))


def touch(envelope: Envelope, **changes: Any) -> None:
    """Change the session's row and move it to the top of the list."""
    Session.objects.filter(id=envelope.stream).update(updated_at=envelope.recorded_at, **changes)


@projects(events.SessionCreated)
def session_created(event: events.SessionCreated, envelope: Envelope) -> None:
    """The session, its main conversation, its system message."""
    when = envelope.recorded_at
    session = Session.objects.create(
        id=envelope.stream,
        owner_id=event.owner_id,
        title=event.title,
        provider=event.config.provider,
        model=event.config.model,
        config=msgspec.to_builtins(event.config),
        metadata=event.metadata,
        max_context_window=event.max_context_window,
        message_count=1 if event.system_message else 0,
        created_at=when,
        updated_at=when,
    )
    main = Conversation.objects.create(id=session.id, session=session, name="main", created_at=when)
    if event.system_message is not None:
        Message.objects.create(
            id=event.system_message.id,
            session=session,
            conversation=main,
            position=envelope.version,
            role=event.system_message.role,
            content=msgspec.to_builtins(event.system_message.content),
            metadata=event.system_message.metadata,
            created_at=when,
            updated_at=when,
        )


@projects(events.SessionUpdated)
def session_updated(event: events.SessionUpdated, envelope: Envelope) -> None:
    """Title, activity, metadata; the configuration has its own event."""
    touch(
        envelope, **{name: event.updates[name] for name in ("title", "is_active", "metadata") if name in event.updates}
    )


@projects(events.SessionConfigUpdated)
def session_config_updated(event: events.SessionConfigUpdated, envelope: Envelope) -> None:
    """The configuration as it is now."""
    touch(
        envelope,
        config=msgspec.to_builtins(event.config),
        provider=event.config.provider,
        model=event.config.model,
        max_context_window=event.max_context_window,
    )


@projects(events.SessionDeleted)
def session_deleted(event: events.SessionDeleted, envelope: Envelope) -> None:
    """Everything of the session goes from view."""
    Session.objects.filter(id=envelope.stream).delete()


@projects(events.MessageUpdated)
def message_updated(event: events.MessageUpdated, envelope: Envelope) -> None:
    """The message as it is now."""
    changes: dict[str, Any] = {"updated_at": envelope.recorded_at}
    if event.content is not None:
        changes["content"] = msgspec.to_builtins(event.content)
    if event.metadata is not None:
        changes["metadata"] = event.metadata
    Message.objects.filter(id=event.message_id, session_id=envelope.stream).update(**changes)
    touch(envelope)


@projects(events.TokenMetricsUpdated)
def token_metrics_updated(event: events.TokenMetricsUpdated, envelope: Envelope) -> None:
    """Added in SQL, never read and written back. An unknown cost makes the total unknown: NULL plus anything."""
    cost = F("estimated_cost") + event.cost if event.cost is not None else None
    touch(
        envelope,
        prompt_tokens=F("prompt_tokens") + event.prompt_tokens,
        completion_tokens=F("completion_tokens") + event.completion_tokens,
        estimated_cost=cost,
        context_tokens=event.context_tokens,
    )


@projects(events.PluginStateChanged)
def plugin_state_changed(event: events.PluginStateChanged, envelope: Envelope) -> None:
    """A plugin's state lives in the session's metadata; its notes on events live in the log only."""
    if event.about_version is not None:
        touch(envelope)
        return
    session = Session.objects.get(id=envelope.stream)
    touch(envelope, metadata=merge(session.metadata, {"plugins": {event.plugin: event.state}}))


@projects(events.RunRequested)
def run_requested(event: events.RunRequested, envelope: Envelope) -> None:
    """A run waits for a worker."""
    Run.objects.create(
        id=event.run_id,
        session_id=envelope.stream,
        conversation_id=event.conversation_id,
        provider=event.provider,
        model=event.model,
        requested_version=envelope.version,
        queued_at=envelope.recorded_at,
    )
    touch(envelope)


@projects(events.RunStarted)
def run_started(event: events.RunStarted, envelope: Envelope) -> None:
    """A worker has it."""
    change_run(event, envelope, state=Run.State.RUNNING, attempt=event.attempt, started_at=envelope.recorded_at)


@projects(events.RunCompleted)
def run_completed(event: events.RunCompleted, envelope: Envelope) -> None:
    """It ended with a message."""
    change_run(
        event,
        envelope,
        state=Run.State.COMPLETED,
        message=event.message_id,
        prompt_tokens=event.prompt_tokens,
        completion_tokens=event.completion_tokens,
        finish_reason=event.finish_reason,
        finished_at=envelope.recorded_at,
    )


@projects(events.RunFailed)
def run_failed(event: events.RunFailed, envelope: Envelope) -> None:
    """It ended without one."""
    change_run(event, envelope, state=Run.State.FAILED, error=event.error, finished_at=envelope.recorded_at)


@projects(events.RunInterrupted)
def run_interrupted(event: events.RunInterrupted, envelope: Envelope) -> None:
    """It was cut off; what it had said is a message."""
    change_run(event, envelope, state=Run.State.INTERRUPTED, message=event.message_id, finished_at=envelope.recorded_at)


def change_run(event: Event, envelope: Envelope, **changes: Any) -> None:
    """Change the row of the run an event is about."""
    run_id = event.run_id  # type: ignore[attr-defined]
    Run.objects.filter(id=run_id, session_id=envelope.stream).update(**changes)
    touch(envelope)
