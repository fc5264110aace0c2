"""Decides about messages."""

from collections.abc import Iterator
from typing import Any

from bus.exceptions import AlreadyExists
from bus.messages import Context, Event, uuid7
from bus.registry import handles
from sessions_app import commands, events, queries
from sessions_app.artifacts import mentions
from sessions_app.factory import message_added
from sessions_app.handlers import runs
from sessions_app.models import Message, Session
from sessions_app.values import Role, merge, parts


@handles(commands.AddMessage)
def add_message(command: commands.AddMessage, context: Context) -> Any:
    """The message; with `answer`, also a run that replies to it with the session's model."""
    message_id = command.message_id or uuid7()
    if command.message_id and Message.objects.filter(id=message_id).exists():
        raise AlreadyExists(f"Message already exists with ID: {message_id}")
    conversation_id = queries.conversation_of(command.session_id, command.conversation_id, to_write=True)
    mentions.check(command.session_id, parts(command.content))
    yield events.MessageAdded(
        message_id=message_id,
        conversation_id=conversation_id,
        role=command.role,
        content=parts(command.content),
        tool_call_id=command.tool_call_id,
        tool_calls=command.tool_calls,
        metadata=command.metadata,
    )
    if not command.answer:
        return {"id": message_id}
    session = Session.objects.get(id=command.session_id)
    wanted = events.RunRequested(
        run_id=uuid7(),
        conversation_id=conversation_id,
        provider=session.provider,
        model=session.model,
        tools=session.config.get("tools") or [],
    )
    yield from runs.requested(session, wanted, "enqueue", parts(command.content))
    return {"id": message_id, "answer_run_id": wanted.run_id}


@handles(commands.UpdateMessage)
def update_message(command: commands.UpdateMessage, context: Context) -> Any:
    """Content is replaced, metadata merges deeply."""
    message = queries.message_of(command.session_id, command.message_id)
    content = None if command.content is None else parts(command.content)
    mentions.check(command.session_id, content or [])
    metadata = None if command.metadata is None else merge(message.metadata, command.metadata)
    if content is not None or metadata is not None:
        yield events.MessageUpdated(message_id=command.message_id, content=content, metadata=metadata)
    return {"id": command.message_id}


@handles(commands.RecordInteraction)
def record_interaction(command: commands.RecordInteraction, context: Context) -> Iterator[Event]:
    """Two messages, in one step."""
    for role, text in ((Role.USER, command.query), (Role.ASSISTANT, command.response)):
        yield message_added(command.session_id, role, parts(text))
