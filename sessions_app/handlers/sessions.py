"""Decides about sessions: begin, read, list, change, remove."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec

from bus.exceptions import AlreadyExists, Invalid, NotFound
from bus.messages import Context, Event, uuid7
from bus.registry import handles
from sessions_app import commands, events, metrics, queries
from sessions_app.accounts.queries import user_id_of
from sessions_app.artifacts import blobs
from sessions_app.factory import create_system_message
from sessions_app.llm import catalog
from sessions_app.models import Conversation, Session
from sessions_app.represent import session_as_dict, session_info
from sessions_app.values import ConfigPatch, SessionConfig, merge

Decision = Iterator[Event]


def created(command: commands.CreateSession | commands.EnsureSession, session_id: UUID, context: Context) -> Event:
    """A session with this configuration, the actor's own."""
    config = command.config
    return events.SessionCreated(
        session_id=session_id,
        owner_id=user_id_of(context.actor),
        title=command.title,
        config=config,
        metadata=command.metadata,
        max_context_window=catalog.window(config.provider, config.model),
        system_message=create_system_message(config.system_prompt) if config.system_prompt else None,
    )


def _is_taken(session_id: UUID) -> bool:
    """Whether a conversation has the id that the session's main one would have."""
    return Conversation.objects.filter(id=session_id).exists()


@handles(commands.CreateSession)
def create_session(command: commands.CreateSession, context: Context) -> Any:
    """A session with zeroed metrics, the model's window and the system message. Refused when the id is taken."""
    session_id = command.session_id or uuid7()
    if command.session_id and _is_taken(session_id):
        raise AlreadyExists(f"Session already exists with ID: {session_id}")
    yield created(command, session_id, context)
    return {"id": session_id}


@handles(commands.EnsureSession)
def ensure_session(command: commands.EnsureSession, context: Context) -> Any:
    """Nothing when the caller has this session; somebody else's id is taken, without saying by whom."""
    if queries.may_read(context.actor, command.session_id):
        return {"id": command.session_id, "created": False}
    if _is_taken(command.session_id):
        raise queries.no_session(command.session_id)
    yield created(command, command.session_id, context)
    return {"id": command.session_id, "created": True}


@handles(commands.GetSession)
def get_session(command: commands.GetSession, context: Context) -> dict[str, Any] | None:
    """The session, or nothing."""
    with suppress(NotFound):
        return session_as_dict(queries.session_of(context.actor, command.session_id))
    return None


@handles(commands.ListSessions)
def list_sessions(command: commands.ListSessions, context: Context) -> list[dict[str, Any]]:
    """Short entries, newest change first."""
    limit = max(1, min(command.limit, 100))
    newest = queries.with_version(queries.own_of(context.actor)).order_by("-updated_at", "-id")[:limit]
    return [session_info(session) for session in newest]


@handles(commands.UpdateSession)
def update_session(command: commands.UpdateSession, context: Context) -> Any:
    """One `session-updated` with every field, and the particular event where configuration or metrics change."""
    session = Session.objects.get(id=command.session_id)
    updates = _updates(command, session)
    if updates:
        yield events.SessionUpdated(updates=updates)
    if command.config is not None:
        config = _patched(session, command.config)
        window = catalog.window(config.provider, config.model)
        yield events.SessionConfigUpdated(changes=updates["config"], config=config, max_context_window=window)
    if command.metrics is not None:
        yield from metrics.corrected(session, command.metrics)
    return {"id": session.id}


def _updates(command: commands.UpdateSession, session: Session) -> dict[str, Any]:
    """What was asked to change; the metadata as they come to be."""
    asked = {
        "title": command.title,
        "is_active": command.is_active,
        "metadata": None if command.metadata is None else merge(session.metadata, command.metadata),
        "config": None if command.config is None else _as_given(command.config),
        "metrics": None if command.metrics is None else msgspec.to_builtins(command.metrics),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _as_given(patch: ConfigPatch) -> dict[str, Any]:
    """The patch as plain values; a null is kept, since it means: remove."""
    given: dict[str, Any] = msgspec.to_builtins(patch)
    return given | {name: None for name in SessionConfig.__annotations__ if getattr(patch, name) is None}


def _patched(session: Session, patch: ConfigPatch) -> SessionConfig:
    try:
        return msgspec.convert(merge(session.config, _as_given(patch)), SessionConfig)
    except msgspec.ValidationError as error:
        raise Invalid(f"The configuration would not be valid: {error}") from None


@handles(commands.DeleteSession)
def delete_session(command: commands.DeleteSession, context: Context) -> Any:
    """True and an event when there was something to delete."""
    try:
        queries.check_allowed(context.actor, command.session_id, command.access)
    except NotFound:
        return False
    blobs.hold_all(command.session_id)  # the bytes stay for the grace from now on; a reaction would find no rows
    yield events.SessionDeleted()
    return True


@handles(commands.ChangePluginState)
def change_plugin_state(command: commands.ChangePluginState, context: Context) -> Iterator[Event]:
    """Recorded as it is."""
    yield events.PluginStateChanged(plugin=command.plugin, state=command.state, about_version=command.about_version)
