"""A session's state as a pure fold over its events (document 001): time travel, and the immutable EventSourcedSession.

`fold` knows no database; `state_at` and `load` read the log, with snapshots so that late versions are cheap."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from bus import sql
from bus.log import store
from bus.log.picking import of_types
from bus.messages import ERASED, Envelope, Event, changed
from bus.registry import default as registry
from sessions_app import events
from sessions_app.values import ChatMessage, SessionConfig, TokenMetrics, merge

SNAPSHOT_EVERY = 500
KIND = "session-state-1"
"""Raise the number when the shape of SessionState changes; older snapshots are then ignored."""


_LAST = "SELECT max(version) FROM bus_storedevent WHERE stream = %s::uuid AND version <= %s::bigint"
_PASSED = f"""
SELECT count(*) FILTER (WHERE type = '{events.MessageAdded.type}' AND schema > {ERASED}), max(version),
       (array_agg(recorded_at ORDER BY version DESC))[1]
FROM bus_storedevent WHERE stream = %s::uuid AND version > %s::bigint AND version <= %s::bigint
"""


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """A session at a version. `messages` is empty where only the rest was folded."""

    session_id: UUID
    version: int = 0
    title: str = ""
    config: SessionConfig | None = None
    metadata: dict[str, Any] = {}
    metrics: TokenMetrics = TokenMetrics()
    is_active: bool = True
    is_deleted: bool = False
    message_count: int = 0
    messages: tuple[ChatMessage, ...] = ()
    created_at: datetime | None = None
    updated_at: datetime | None = None


Change = dict[str, Any]
_folds: dict[type[Event], Callable[[SessionState, Any, Envelope], Change]] = {}


def folds(kind: type[Event]) -> Callable[[Callable[[SessionState, Any, Envelope], Change]], None]:
    """Registers what an event type changes in the state."""

    def register(function: Callable[[SessionState, Any, Envelope], Change]) -> None:
        _folds[kind] = function

    return register


@folds(events.SessionCreated)
def _created(state: SessionState, event: events.SessionCreated, envelope: Envelope) -> Change:
    first = () if event.system_message is None else (event.system_message,)
    return {
        "title": event.title,
        "config": event.config,
        "metadata": event.metadata,
        "metrics": TokenMetrics.of(0, 0, TokenMetrics().estimated_cost, 0, event.max_context_window),
        "message_count": len(first),
        "messages": first,
        "created_at": envelope.recorded_at,
    }


@folds(events.SessionUpdated)
def _updated(state: SessionState, event: events.SessionUpdated, envelope: Envelope) -> Change:
    return {name: event.updates[name] for name in ("title", "is_active", "metadata") if name in event.updates}


@folds(events.SessionConfigUpdated)
def _config(state: SessionState, event: events.SessionConfigUpdated, envelope: Envelope) -> Change:
    old = state.metrics
    window = event.max_context_window
    metrics = TokenMetrics.of(old.prompt_tokens, old.completion_tokens, old.estimated_cost, old.context_tokens, window)
    return {"config": event.config, "metrics": metrics}


@folds(events.SessionDeleted)
def _deleted(state: SessionState, event: events.SessionDeleted, envelope: Envelope) -> Change:
    return {"is_deleted": True, "messages": (), "message_count": 0}


@folds(events.SessionErased)
def _erased(state: SessionState, event: events.SessionErased, envelope: Envelope) -> Change:
    return {"is_deleted": True, "messages": (), "message_count": 0}


@folds(events.MessageAdded)
def _message(state: SessionState, event: events.MessageAdded, envelope: Envelope) -> Change:
    added = ChatMessage(
        id=event.message_id,
        role=event.role,
        content=event.content,
        created_at=envelope.recorded_at,
        tool_call_id=event.tool_call_id,
        tool_calls=event.tool_calls,
        metadata=event.metadata,
    )
    return {"message_count": state.message_count + 1, "messages": (*state.messages, added)}


@folds(events.MessageUpdated)
def _message_updated(state: SessionState, event: events.MessageUpdated, envelope: Envelope) -> Change:
    change: Change = {}
    if event.content is not None:
        change["content"] = event.content
    if event.metadata is not None:
        change["metadata"] = event.metadata
    return {"messages": tuple(changed(m, **change) if m.id == event.message_id else m for m in state.messages)}


@folds(events.TokenMetricsUpdated)
def _metrics(state: SessionState, event: events.TokenMetricsUpdated, envelope: Envelope) -> Change:
    return {"metrics": event.metrics}


@folds(events.SessionRepriced)
def _repriced(state: SessionState, event: events.SessionRepriced, envelope: Envelope) -> Change:
    return {"metrics": msgspec.structs.replace(state.metrics, estimated_cost=event.estimated_cost)}


@folds(events.PluginStateChanged)
def _plugin(state: SessionState, event: events.PluginStateChanged, envelope: Envelope) -> Change:
    if event.about_version is not None:
        return {}
    return {"metadata": merge(state.metadata, {"plugins": {event.plugin: event.state}})}


def fold(state: SessionState, event: Event, envelope: Envelope) -> SessionState:
    """The state after one event. Pure; an event type without a fold changes only version and time."""
    change = _folds[type(event)](state, event, envelope) if type(event) in _folds else {}
    return changed(state, **change, version=envelope.version, updated_at=envelope.recorded_at)


def folded(state: SessionState, envelope: Envelope) -> SessionState:
    """The state after one event as the log has it; one of a plugin that is not here any more, or one that was erased,
    cannot be opened."""
    if envelope.erased or envelope.type not in registry.events:
        return changed(state, version=envelope.version, updated_at=envelope.recorded_at)
    return fold(state, registry.open(envelope), envelope)


def fold_all(state: SessionState, line: Iterable[Envelope], *, messages: bool = True) -> SessionState:
    """The state after many events. Without `messages`, their texts are left out and the cost is linear."""
    for envelope in line:
        state = folded(state, envelope)
        if not messages and state.messages:
            state = changed(state, messages=())
    return state


def state_at(session_id: UUID, version: int) -> SessionState:
    """The state at a version, without messages; from the nearest snapshot, leaving one at every SNAPSHOT_EVERY on the
    way. Messages are counted, not read: they are most of a long log."""
    state = _snapshot(session_id, version) or SessionState(session_id=session_id)
    start, last = state.version, sql.fetch(_LAST, [session_id, version])[0][0] or 0
    while start < last:
        end = min(last, (start // SNAPSHOT_EVERY + 1) * SNAPSHOT_EVERY)
        state, start = _stepped(state, start, end), end
        if state.version % SNAPSHOT_EVERY == 0:
            _keep(state)
    return state


def _stepped(state: SessionState, start: int, end: int) -> SessionState:
    """The state on from a version to a later one."""
    told = [kind.type for kind in _folds if kind not in (events.MessageAdded, events.MessageUpdated)]
    line = of_types(registry, state.session_id, told, after=start, until=end)
    state = fold_all(state, line, messages=False)
    ((added, last, at),) = sql.fetch(_PASSED, [state.session_id, start, end])
    if last is None:  # pruned
        return state
    count = 0 if state.is_deleted else state.message_count + added
    return changed(state, message_count=count, version=last, updated_at=at)


def _snapshot(session_id: UUID, version: int) -> SessionState | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state::text FROM bus_snapshot WHERE stream = %s AND kind = %s AND version <= %s"
            " ORDER BY version DESC LIMIT 1",
            [session_id, KIND, version],
        )
        row = cursor.fetchone()
    return msgspec.json.decode(row[0], type=SessionState) if row else None


def _keep(state: SessionState) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bus_snapshot (stream, version, kind, state) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [state.session_id, state.version, KIND, msgspec.json.encode(state).decode()],
        )


Handlers = Mapping[str, tuple[Any, ...]]


class EventSourcedSession(msgspec.Struct, frozen=True, kw_only=True):
    """Document 001's immutable session: its events, and the state they fold to. Changing it makes a new one."""

    session_id: UUID
    events: tuple[Envelope, ...] = ()
    current_state: SessionState
    event_handlers: dict[str, tuple[Any, ...]] = {}
    metadata: dict[str, Any] = {}

    @classmethod
    def new(cls, session_id: UUID) -> "EventSourcedSession":
        """A session without events."""
        return cls(session_id=session_id, current_state=SessionState(session_id=session_id))

    @classmethod
    def load(cls, session_id: UUID, *, at_version: int | None = None) -> "EventSourcedSession":
        """The session as the log tells it, up to a version."""
        line = tuple(store.read_all(registry, session_id, until=at_version))
        state = fold_all(SessionState(session_id=session_id), line)
        return cls(session_id=session_id, events=line, current_state=state, metadata=state.metadata)

    def append_event(self, event: Envelope) -> "EventSourcedSession":
        """A new session with the event, its state folded on (contract, correction 5). ValueError when out of order."""
        if event.version != self.current_state.version + 1:
            raise ValueError(f"version {event.version} does not follow {self.current_state.version}")
        state = folded(self.current_state, event)
        return changed(self, events=(*self.events, event), current_state=state, metadata=state.metadata)

    def add_event_handler(self, event_type: str, handler: Any) -> "EventSourcedSession":
        """A new session that also has this handler for the type."""
        known = self.event_handlers.get(event_type, ())
        return changed(self, event_handlers={**self.event_handlers, event_type: (*known, handler)})
