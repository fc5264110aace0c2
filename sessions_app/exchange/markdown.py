"""A session for people to read: its conversations with who said what and when, tool calls, and where forks begin."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from bus.exceptions import Invalid
from sessions_app.exchange.form import Manifest
from sessions_app.models import Conversation, Message, Session
from sessions_app.represent import moment

PAGE = 200
_FENCE = re.compile(r"`{3,}")


def as_markdown(session_id: UUID, manifest: Manifest) -> Iterator[bytes]:
    """The session as it is now: `main`, then the other conversations, oldest first, each with its own messages."""
    session = Session.objects.filter(id=session_id).first()
    if session is None:
        raise Invalid("The session was removed.")
    yield f"# {_line(session.title) or 'Session'}\n\n".encode()
    yield f"{session.provider}/{session.model}, begun {moment(session.created_at)}, `{session.id}`\n".encode()
    conversations = Conversation.objects.filter(session=session).order_by("created_at", "id")
    names = {one.id: _line(one.name) for one in conversations}
    for conversation in sorted(conversations, key=lambda one: one.id != session.id):
        yield f"\n## {names[conversation.id]}\n".encode()
        if conversation.parent is not None:
            origin = names.get(conversation.parent, "a conversation that is gone")
            yield f"\n*A fork of {origin}: it shares what that one had said up to {conversation.forked_at}.*\n".encode()
        for message in _messages(conversation):
            yield _message(message).encode()


def _messages(conversation: Conversation) -> Iterator[Message]:
    """What was said in it, a page at a time."""
    said = Message.objects.filter(conversation=conversation).order_by("position")
    after = 0
    while page := list(said.filter(position__gt=after)[:PAGE]):
        yield from page
        after = page[-1].position


def _message(message: Message) -> str:
    marks = [mark for mark in ("incomplete", "superseded_by", "pinned", "excluded") if message.metadata.get(mark)]
    named = f" ({', '.join(marks).replace('superseded_by', 'replaced')})" if marks else ""
    parts = [_part(part) for part in message.content]
    parts += [_part({**call, "type": "tool_call"}) for call in message.tool_calls]
    when = f"{moment(message.created_at)}, {message.position}"
    return "\n".join([f"\n### {message.role}{named}, {when}\n", *parts]) + "\n"


def _part(part: dict[str, Any]) -> str:
    match part["type"]:
        case "text":
            return str(part["text"])
        case "image":
            return f"*An image: {_line(part.get('alt_text') or part['url'])}*"
        case "tool_call":
            args = json.dumps(part["args"], ensure_ascii=False, indent=2, sort_keys=True)
            return f"*Calls {_line(part['name'])}:*\n\n{_fenced(args)}"
        case _:
            return f"*A tool answers:*\n\n{_fenced(str(part['content']))}"


def _fenced(text: str) -> str:
    """As it is, in a fence that is longer than any in it."""
    longest = max((len(found) for found in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _line(text: str) -> str:
    return " ".join(text.split())
