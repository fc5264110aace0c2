"""How much of a conversation, as a client tells it, is there already, and in which line. Reads rows; called by
`handlers.chats`.

A client sees an answer as one message: what the server's own tools did within a run is hidden from it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import F, Max

from sessions_app.llm.context.items import whole
from sessions_app.models import Conversation, Message
from sessions_app.queries import counted, line_of
from sessions_app.values import Content, ImagePart, Role, ToolCallPart, ToolResultPart, text_of, to_content

MOST_CONVERSATIONS = 10
"""The latest ones of the session are looked at."""
MOST_MESSAGES = 4_000


class Told(NamedTuple):
    """A message as a client sees it, to be compared; and the position of its last row."""

    role: str
    text: str
    more: list[Any]
    position: int

    def says(self, content: Content, role: Role) -> bool:
        """Whether it is this message of the client's."""
        return (self.role, self.text, self.more) == (role.value, *_compared(content))


class Match(NamedTuple):
    """The first `known` messages are there; they end at `position` of that line (0: none). `whole`: so does it."""

    conversation_id: UUID
    known: int
    position: int
    whole: bool


def best(session_id: UUID, told: Sequence[tuple[Role, Content]], within: UUID | None) -> Match | None:
    """The line that has most of it; of equals one that ends there, then the latest. None: the session has no
    conversation that could go on."""
    found: Match | None = None
    for conversation in _candidates(session_id, within):
        match = match_of(conversation, told)
        if found is None or (match.known, match.whole) > (found.known, found.whole):
            found = match
        if match.whole and all(role is not Role.ASSISTANT for role, _ in told[match.known :]):
            return match  # no answer that the client knows of is missing
    return found


def _candidates(session_id: UUID, within: UUID | None) -> Iterable[Conversation]:
    rows = Conversation.objects.filter(session_id=session_id, is_archived=False)
    if within is not None:
        return rows.filter(id=within)
    latest = rows.annotate(said=Max("messages__position")).order_by(F("said").desc(nulls_last=True), "-created_at")
    return latest[:MOST_CONVERSATIONS]


def match_of(conversation: Conversation, told: Sequence[tuple[Role, Content]]) -> Match:
    """How much of it is in one line."""
    there = line(conversation)
    known = 0
    for mine, (role, content) in zip(there, told, strict=False):
        if not mine.says(content, role):
            break
        known += 1
    position = there[known - 1].position if known else 0
    return Match(conversation.id, known, position, known == len(there))


def line(conversation: Conversation) -> list[Told]:
    """The conversation as a client would have it: without the system prompt it begins with, and without summaries."""
    rows = line_of(conversation).exclude(role=Role.SUMMARY).order_by("position")[:MOST_MESSAGES]
    seen: list[Told] = []
    answer: list[Message] = []
    for message in counted(rows):
        if message.role == Role.SYSTEM and not seen and not answer:
            continue
        if answer and message.run != answer[0].run:
            seen.append(_answer(answer))
            answer = []
        if message.run is not None:
            answer.append(message)
        else:
            seen.append(_told(message.role, _content(message), message.position))
    return [*seen, _answer(answer)] if answer else seen


def _answer(messages: list[Message]) -> Told:
    """What one run said: its texts put together, and the calls that its client is to answer."""
    contents = [(message.role, _content(message)) for message in messages]
    said = [part for role, content in contents if role == Role.ASSISTANT for part in content]
    used = {part.tool_call_id for _, content in contents for part in content if isinstance(part, ToolResultPart)}
    theirs = [part for part in said if not (isinstance(part, ToolCallPart) and part.tool_call_id in used)]
    return _told(Role.ASSISTANT, theirs, messages[-1].position)


def _content(message: Message) -> Content:
    answered = message.tool_call_id if message.role in (Role.TOOL, Role.FUNCTION) else None
    return whole(to_content(message.content), answered, msgspec.convert(message.tool_calls, list[ToolCallPart]))


def _told(role: str, content: Content, position: int) -> Told:
    return Told(str(role), *_compared(content), position)


def _compared(content: Content) -> tuple[str, list[Any]]:
    """What must be the same: the text, but for white space around it, then the other parts."""
    more: list[Any] = [part.url if isinstance(part, ImagePart) else part for part in content if not _is_text(part)]
    return text_of(content).strip(), more


def _is_text(part: Any) -> bool:
    return not isinstance(part, ImagePart | ToolCallPart | ToolResultPart)
