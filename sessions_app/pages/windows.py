"""Which messages of a conversation a page has: never all of a long one. Called by the session's page and by `lines`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet

from sessions_app.models import Conversation, Message
from sessions_app.queries import line_of

MESSAGES = 40
WEIGHT = 200_000
"""Characters; a page whose messages are long has fewer of them."""
FOLLOWING = 200
"""Among so many messages after a tool call its results are looked for."""


class Window(NamedTuple):
    """Messages in a row, oldest first, and what there is beyond: `lower` and `upper` are the positions before and after
    which there is more, None where the conversation begins or ends."""

    said: Sequence[Message]
    lower: int | None
    upper: int | None
    place: int | None = None
    """The position that was asked for."""


def newest(conversation: Conversation) -> Window:
    """The end."""
    return _before(conversation, None)


def before(conversation: Conversation, position: int) -> Window:
    """What was said before that position."""
    return _before(conversation, position)


def after(conversation: Conversation, position: int) -> Window:
    """What was said after it."""
    rows = list(line_of(conversation).filter(position__gt=position).order_by("position")[: MESSAGES + 1])
    said = _light(rows[:MESSAGES])
    if len(said) == len(rows):
        return Window(said, position, None)
    said = _whole(said, rows[len(said)])
    return Window(said, position, said[-1].position)


def around(conversation: Conversation, position: int) -> Window:
    """What was said about then: half of the page up to that position, and what follows."""
    half = list(line_of(conversation).filter(position__lte=position).order_by("-position")[: MESSAGES // 2 + 1])
    kept = _begun(_light(half[: MESSAGES // 2])[::-1], more=len(half) > MESSAGES // 2)
    rest = after(conversation, position)
    lower = kept[0].position if len(kept) < len(half) else None
    return Window([*kept, *rest.said], lower, rest.upper, position)


def since(conversation: Conversation, when: datetime) -> int | None:
    """The position of the first message of that moment or later. It reads the line up to there."""
    rows = line_of(conversation).filter(created_at__gte=when).order_by("position")
    return rows.values_list("position", flat=True).first()


def with_results(conversation: Conversation, said: Sequence[Message]) -> list[Message]:
    """The messages, and what tools answered to their calls."""
    calling = [message for message in said if message.tool_calls or _calls(message)]
    if not calling:
        return list(said)
    rows = line_of(conversation).filter(position__gt=calling[0].position).order_by("position")[:FOLLOWING]
    runs, known = {message.run for message in calling}, {message.id for message in said}
    return [*said, *(row for row in rows if row.role == "tool" and row.run in runs and row.id not in known)]


def _before(conversation: Conversation, position: int | None) -> Window:
    rows: QuerySet[Message] = line_of(conversation)
    if position is not None:
        rows = rows.filter(position__lt=position)
    found = list(rows.order_by("-position")[: MESSAGES + 1])
    said = _light(found[:MESSAGES])[::-1]
    more = len(said) < len(found)
    said = _begun(said, more=more)
    return Window(said, said[0].position if more else None, position)


def _light(rows: Sequence[Message]) -> Sequence[Message]:
    """As many from the first on as a page can carry; at least one."""
    weight = 0
    for count, row in enumerate(rows):
        weight += _weight(row.content)
        if weight > WEIGHT and count:
            return rows[:count]
    return rows


def _weight(content: Iterable[dict[str, object]]) -> int:
    return sum(len(str(part.get("text") or part.get("content") or "")) for part in content)


def _begun(said: Sequence[Message], *, more: bool) -> Sequence[Message]:
    """Without the tools' results at its beginning: they belong to the calls before. Not where nothing else is."""
    first = next((number for number, message in enumerate(said) if message.role != "tool"), 0)
    return said[first:] if more else said


def _whole(said: Sequence[Message], following: Message) -> Sequence[Message]:
    """Without a tool call at its end whose results are beyond. Not where nothing else is."""
    end = len(said)
    if following.role == "tool":
        while end and said[end - 1].role == "tool":
            end -= 1
        end -= 1
    return said[:end] if end > 0 else said


def _calls(message: Message) -> bool:
    return any(part["type"] == "tool_call" for part in message.content)
