"""Conversations of a session, begun, read and asked."""

from typing import Any
from uuid import UUID

from sessions_app import commands, queries
from sessions_app.llm import asking
from sessions_app.models import Message
from sessions_app.values import text_of, to_content
from tests.story import Story


def say(story: Story, content: Any, role: str = "user", conversation: UUID | None = None, **more: Any) -> UUID:
    """A message's id."""
    said = story.tell(commands.AddMessage, content=content, role=role, conversation_id=conversation, **more)
    return UUID(str(said.data["id"]))


def begin(story: Story, command: Any, **fields: Any) -> tuple[UUID, dict[str, Any]]:
    """A conversation's id, and all that was answered."""
    data = story.tell(command, **fields).data
    return UUID(str(data["id"])), data


def fork(story: Story, message: UUID, **fields: Any) -> UUID:
    """A fork's id."""
    return begin(story, commands.ForkConversation, message_id=message, **fields)[0]


def line(conversation: UUID) -> list[str]:
    """The texts of a conversation, in order."""
    rows = queries.messages_in(conversation).order_by("position")
    return [text_of(to_content(row.content)) for row in rows]


def asked(story: Story, conversation: UUID) -> list[str]:
    """The texts that a run requested now would be asked."""
    session = queries.session_of(story.actor, story.id)
    turns = asking.prepare(asking.of_session(session, conversation)).request.turns
    return [text_of(turn.content) for turn in turns]


def text_in(message: Any) -> str:
    """What a message of that id says."""
    return text_of(to_content(Message.objects.get(id=message).content))
