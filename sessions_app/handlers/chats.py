"""Decides about clients that send the whole conversation with every call: what of it is new, and where it goes."""

from collections.abc import Generator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from bus.exceptions import Invalid
from bus.messages import Context, Event, changed, uuid7
from bus.registry import handles
from sessions_app import commands, events, forks, matching, queries
from sessions_app.artifacts import mentions
from sessions_app.commands.chats import MOST_NEW, Line
from sessions_app.handlers import runs, sessions
from sessions_app.matching import Match
from sessions_app.models import Message, Session
from sessions_app.values import Role, SessionConfig, ToolResultPart

Steps = Generator[Event, None, dict[str, Any]]
Chat = commands.StartChat | commands.GoOnWithChat


@handles(commands.StartChat)
def start_chat(command: commands.StartChat, context: Context) -> Steps:
    """A session of the caller's, with the system prompt as its own."""
    session_id = uuid7()
    own = command.config
    config = SessionConfig(provider=command.provider, model=command.model, system_prompt=own.system_prompt)
    yield sessions.created(commands.CreateSession(config=config, title=command.title), session_id, context)
    command = changed(command, config=changed(own, system_prompt=None))
    session = Session(id=session_id, config={"system_prompt": config.system_prompt})
    wanted = _wanted(command, session_id, runs.tools_of(session, [], command.client_tools))
    return (yield from _answered(session, wanted, command.lines, Message.objects.none()))


@handles(commands.GoOnWithChat)
def go_on_with_chat(command: commands.GoOnWithChat, context: Context) -> Steps:
    """In the line that has the conversation so far, if it ends there and nobody answers in it; else in a fork."""
    session = Session.objects.get(id=command.session_id)
    told = [(line.role, line.content) for line in command.lines]
    within = command.conversation_id
    found = matching.best(session.id, told, queries.conversation_of(session.id, within) if within else None)
    if found is None:
        raise queries.ConversationArchived
    new = command.lines[found.known :]
    tools = runs.tools_of(session, None if command.server_tools else [], command.client_tools)
    if found.whole and queries.active_in(found.conversation_id) is None:
        wanted = _wanted(_own(command, session), found.conversation_id, tools)
        return (yield from _answered(session, wanted, new, queries.messages_in(found.conversation_id)))
    started = _forked(session.id, found)
    yield started
    wanted = _wanted(_own(command, session), started.conversation_id, tools)
    shared = queries.messages_in(found.conversation_id).filter(position__lte=found.position)
    return (yield from _answered(session, wanted, new, shared))


def _own(command: commands.GoOnWithChat, session: Session) -> commands.GoOnWithChat:
    """Without a system prompt that is the session's anyway."""
    if command.config.system_prompt != session.config.get("system_prompt"):
        return command
    return changed(command, config=changed(command.config, system_prompt=None))


def _forked(session_id: UUID, found: Match) -> events.ConversationStarted:
    """A conversation that shares what is known; one of its own where that is nothing."""
    origin = forks.at(found.conversation_id, found.position) if found.known else None
    return events.ConversationStarted(
        conversation_id=uuid7(),
        name=forks.name_in(session_id),
        parent=origin.parent if origin else None,
        forked_at=origin.forked_at if origin else None,
        metadata={},
    )


def _wanted(command: Chat, conversation_id: UUID, tools: list[str]) -> events.RunRequested:
    return events.RunRequested(
        run_id=uuid7(),
        conversation_id=conversation_id,
        provider=command.provider,
        model=command.model,
        tools=tools,
        client_tools=command.client_tools,
        config=command.config,
        metadata=command.metadata,
    )


def _answered(session: Session, wanted: events.RunRequested, new: list[Line], before: QuerySet[Message]) -> Steps:
    """The new messages, and the run that answers them."""
    if len(new) > MOST_NEW:
        raise Invalid(f"{len(new)} messages are not in the session yet; one call may bring {MOST_NEW}.")
    for line in new:
        mentions.check(session.id, line.content)
        yield _said(wanted.conversation_id, line)
    asks = [part for line in _asking(new) for part in line.content]
    yield from runs.requested(session, wanted, "reject", asks, before)
    return {"id": wanted.run_id, "session_id": session.id, "conversation_id": wanted.conversation_id}


def _asking(new: list[Line]) -> list[Line]:
    """What comes after the last answer: it must fit into the request; what came before can be left out."""
    answers = [number for number, line in enumerate(new, 1) if line.role is Role.ASSISTANT]
    return new[answers[-1] :] if answers else new


def _said(conversation_id: UUID, line: Line) -> events.MessageAdded:
    answers = [part.tool_call_id for part in line.content if isinstance(part, ToolResultPart)]
    return events.MessageAdded(
        message_id=uuid7(),
        conversation_id=conversation_id,
        role=line.role,
        content=line.content,
        tool_call_id=answers[0] if answers and line.role is Role.TOOL else None,
        metadata=line.metadata,
    )
