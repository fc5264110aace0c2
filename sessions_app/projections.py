"""From events to rows: the only writers of Session, Conversation, Message, Run and UsageEntry.
Idempotence is the log's business.

The hot one (`message-added`) is set-based SQL: the append carries it in its own statement, a replay runs it over many
events at once. The others are few per session and use the ORM."""

from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from bus.messages import IMPORTED, Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.llm.base import Usage
from sessions_app.models import Conversation, Message, Run, Session, UsageEntry
from sessions_app.queries import lineage_of
from sessions_app.values import merge

registry.projection_models += [Session, Conversation, Message, Run, UsageEntry]

_INSERT_MESSAGES = """
INSERT INTO sessions_app_message
    (id, session_id, conversation_id, position, role, content, tool_call_id, tool_calls, metadata, run,
     owner, created_at, updated_at)
SELECT (data->>'message_id')::uuid, stream, (data->>'conversation_id')::uuid, version, data->>'role', data->'content',
       data->>'tool_call_id', data->'tool_calls', data->'metadata', (data->>'run_id')::uuid,
       (SELECT owner_id FROM sessions_app_session WHERE id = stream), recorded_at, recorded_at
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
            owner=event.owner_id,
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


@projects(events.ConversationStarted)
def conversation_started(event: events.ConversationStarted, envelope: Envelope) -> None:
    """Its row; what it shares is worked out once, here."""
    Conversation.objects.create(
        id=event.conversation_id,
        session_id=envelope.stream,
        name=event.name,
        parent=event.parent,
        forked_at=event.forked_at,
        lineage=lineage_of(event.parent, event.forked_at),
        metadata=event.metadata,
        created_at=envelope.recorded_at,
    )
    touch(envelope)


@projects(events.ConversationUpdated)
def conversation_updated(event: events.ConversationUpdated, envelope: Envelope) -> None:
    """Name and archive."""
    given = {"name": event.name, "is_archived": event.is_archived}
    changes = {name: value for name, value in given.items() if value is not None}
    Conversation.objects.filter(id=event.conversation_id, session_id=envelope.stream).update(**changes)
    touch(envelope)


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
    if event.run_id is not None:
        so_far = {name: Coalesce(F(name), 0) + getattr(event, name) for name in ("prompt_tokens", "completion_tokens")}
        so_far["cost"] = F("cost") + event.cost if event.cost is not None else None
        Run.objects.filter(id=event.run_id, session_id=envelope.stream).update(**so_far)
    if (event.usage is not None or event.cost != 0) and envelope.actor.type != IMPORTED:
        enter(event, envelope)


def enter(event: events.TokenMetricsUpdated, envelope: Envelope) -> None:
    """The ledger's entry: of what this server asked for, not of what a file says. Of an event of schema 1 we know the
    session's model and the plain counts."""
    session = Session.objects.only("provider", "model").filter(id=envelope.stream).first()
    if session is None:
        return
    run = Run.objects.only("conversation_id").filter(id=event.run_id).first() if event.run_id else None
    usage = event.usage or Usage(input_tokens=event.prompt_tokens, output_tokens=event.completion_tokens)
    UsageEntry.objects.create(
        id=envelope.id,
        session=session,
        run=event.run_id,
        conversation=run.conversation_id if run else None,
        provider=event.provider or session.provider,
        model=event.model or session.model,
        cost=event.cost,
        at=envelope.recorded_at,
        **msgspec.structs.asdict(usage),
    )


@projects(events.SessionRepriced)
def session_repriced(event: events.SessionRepriced, envelope: Envelope) -> None:
    """The ledger's new costs, and what they came to: known again where the last unknown one is."""
    for entry in event.entries:
        UsageEntry.objects.filter(id=entry.usage_id, session_id=envelope.stream).update(cost=entry.cost)
    touch(envelope, estimated_cost=event.estimated_cost)
    reprice_runs([entry.usage_id for entry in event.entries], envelope)


def reprice_runs(entries: list[UUID], envelope: Envelope) -> None:
    """What the runs of these entries cost now; unknown where one of theirs is."""
    of_session = UsageEntry.objects.filter(session_id=envelope.stream)
    runs = of_session.filter(id__in=entries, run__isnull=False).values("run")
    sums = (
        of_session.filter(run__in=runs).values("run").annotate(known=Sum("cost"), of=Count("id"), priced=Count("cost"))
    )
    for of_run in sums.order_by("run"):
        cost = of_run["known"] if of_run["of"] == of_run["priced"] else None
        Run.objects.filter(id=str(of_run["run"]), session_id=envelope.stream).update(cost=cost)


@projects(events.PluginStateChanged)
def plugin_state_changed(event: events.PluginStateChanged, envelope: Envelope) -> None:
    """A plugin's state lives in the session's metadata; its notes on events live in the log only."""
    if event.about_version is not None:
        touch(envelope)
        return
    session = Session.objects.get(id=envelope.stream)
    touch(envelope, metadata=merge(session.metadata, {"plugins": {event.plugin: event.state}}))


@projects(events.ContextPlanned)
def context_planned(event: events.ContextPlanned, envelope: Envelope) -> None:
    """The plan lives in the log only."""
