"""Decides about conversations: start, fork, answer or say again in a fork, rename, archive."""

from collections.abc import Generator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from bus.exceptions import AlreadyExists, Invalid
from bus.messages import Context, Event, changed, uuid7
from bus.registry import handles
from sessions_app import commands, events, forks, queries
from sessions_app.artifacts import mentions
from sessions_app.factory import message_added
from sessions_app.handlers import runs
from sessions_app.models import Conversation, Message, Run, Session
from sessions_app.values import Content, Metadata, Role, parts

Steps = Generator[Event, None, dict[str, Any]]


@handles(commands.StartConversation)
def start_conversation(command: commands.StartConversation, context: Context) -> Steps:
    """An empty line, or one with its first messages."""
    started = events.ConversationStarted(
        conversation_id=_free(command.conversation_id), name=command.name, metadata=command.metadata
    )
    if command.answer and command.input is None:
        raise Invalid("An 'answer' needs an 'input' that it is to.")
    yield started
    if command.system is not None:
        yield message_added(started.conversation_id, Role.SYSTEM, parts(command.system))
    return (yield from _begun(command.session_id, started, command.input, answer=command.answer))


@handles(commands.ForkConversation)
def fork_conversation(command: commands.ForkConversation, context: Context) -> Steps:
    """A line that begins with what came before, and with this message."""
    message = queries.message_of(command.session_id, command.message_id)
    origin = forks.after(message)
    metadata: Metadata = {"forks": str(message.id), **command.metadata}
    started = _forked(command, origin, metadata)
    yield started
    return (yield from _begun(command.session_id, started, command.input, answer=command.answer))


@handles(commands.EditMessage)
def edit_message(command: commands.EditMessage, context: Context) -> Steps:
    """Only what a user said; the message itself stays where it is."""
    message = queries.message_of(command.session_id, command.message_id)
    if message.role != Role.USER:
        raise Invalid("Only a user's message can be said again.")
    started = _forked(command, forks.before(message), {"edits": str(message.id)})
    yield started
    return (yield from _begun(command.session_id, started, command.content, answer=command.answer))


@handles(commands.RegenerateMessage)
def regenerate_message(command: commands.RegenerateMessage, context: Context) -> Steps:
    """The same question to the same model, or another; the answer there is stays where it is."""
    message = queries.message_of(command.session_id, command.message_id)
    if message.role != Role.ASSISTANT:
        raise Invalid("Only an answer of the assistant's can be made again.")
    origin, run = forks.of_answer(message)
    started = _forked(command, origin, {"regenerates": str(message.id)})
    yield started
    session = Session.objects.get(id=command.session_id)
    wanted = _asked(session, started, run, provider=command.provider, model=command.model)
    yield from runs.requested(session, wanted, "reject", line=_shared(started))
    return {"id": started.conversation_id, "run_id": wanted.run_id}


@handles(commands.UpdateConversation)
def update_conversation(command: commands.UpdateConversation, context: Context) -> Steps:
    """An event when there is something to change."""
    row = queries.conversation_in(command.session_id, command.conversation_id)
    if command.is_archived and row.id == row.session_id:
        raise Invalid("The main conversation cannot be archived.")
    name = None if command.name == row.name else command.name
    archived = None if command.is_archived == row.is_archived else command.is_archived
    if name is not None or archived is not None:
        yield events.ConversationUpdated(conversation_id=row.id, name=name, is_archived=archived)
    return {"id": row.id}


# -- steps they share --------------------------------------------------------------------------------------------------

Forking = commands.ForkConversation | commands.EditMessage | commands.RegenerateMessage


def _free(given: UUID | None) -> UUID:
    if given is not None and Conversation.objects.filter(id=given).exists():
        raise AlreadyExists(f"Conversation already exists with ID: {given}")
    return given or uuid7()


def _forked(command: Forking, origin: forks.Origin, metadata: Metadata) -> events.ConversationStarted:
    return events.ConversationStarted(
        conversation_id=_free(command.conversation_id),
        name=forks.name_in(command.session_id) if command.name is None else command.name,
        parent=origin.parent,
        forked_at=origin.forked_at,
        metadata=metadata,
    )


def _begun(
    session_id: UUID, started: events.ConversationStarted, content: str | Content | None, *, answer: bool
) -> Steps:
    """What is said first in it, and the run that replies."""
    result: dict[str, Any] = {"id": started.conversation_id}
    said = None if content is None else message_added(started.conversation_id, Role.USER, parts(content))
    if said is not None:
        mentions.check(session_id, said.content)
        yield said
        result["message_id"] = said.message_id
    if answer:
        session = Session.objects.get(id=session_id)
        wanted = _asked(session, started)
        asks = said.content if said is not None else None
        yield from runs.requested(session, wanted, "reject", asks, _shared(started))
        result["run_id"] = wanted.run_id
    return result


def _shared(started: events.ConversationStarted) -> QuerySet[Message]:
    """The messages a conversation that is only about to begin will share."""
    if started.parent is None:
        return Message.objects.none()
    return queries.messages_in(started.parent).filter(position__lte=started.forked_at)


def _asked(
    session: Session,
    started: events.ConversationStarted,
    again: Run | None = None,
    *,
    provider: str | None = None,
    model: str | None = None,
) -> events.RunRequested:
    """A run there: like the one that answered before, or of the session's model."""
    if again is None:
        return events.RunRequested(
            run_id=uuid7(),
            conversation_id=started.conversation_id,
            provider=provider or session.provider,
            model=model or session.model,
            tools=session.config.get("tools") or [],
        )
    return changed(
        runs.again(again, uuid7()),
        conversation_id=started.conversation_id,
        provider=provider or again.provider,
        model=model or again.model,
        continues=again.continues,
        asked=again.asked_version,
    )
