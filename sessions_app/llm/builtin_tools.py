"""The tools every server has: `clock`, `calculator`, `session_search`. Imported once, where the application starts."""

import re
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta

from sessions_app import queries
from sessions_app.llm import arithmetic
from sessions_app.llm.context import relevance_scores
from sessions_app.llm.tools import ToolContext, ToolError, tool

PASSAGE = 400
"""Characters shown of a message that was found."""


@tool(name="clock")
def clock(
    zone: Annotated[str, Meta(max_length=64, description="IANA time zone, such as Europe/Berlin")] = "UTC",
) -> str:
    """The present date, weekday and time."""
    try:
        now = datetime.now(UTC if zone == "UTC" else ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # what ZoneInfo raises: no such key, not a key, a folder
        raise ToolError(f"There is no time zone called {zone!r}.") from None
    return f"{now:%A}, {now.isoformat(timespec='seconds')} ({zone})"


@tool(name="calculator")
def calculator(
    expression: Annotated[str, Meta(max_length=arithmetic.LONGEST, description="such as (3 + 4.5) * 2 ** 10")],
) -> str:
    """Work out an arithmetic expression exactly: + - * / // % ** and parentheses, abs, max, min, round, sqrt."""
    try:
        return arithmetic.written(arithmetic.evaluate(expression))
    except arithmetic.NotArithmetic as error:
        raise ToolError(f"{error}.") from None


@tool(name="session_search")
def session_search(
    context: ToolContext,
    query: Annotated[str, Meta(min_length=1, max_length=500, description='words, "phrases", or, -without')],
    limit: Annotated[int, Meta(ge=1, le=20)] = 5,
) -> str:
    """Search all messages of this session, also those too old to be shown here. Gives the best matching passages."""
    session = queries.session_of(context.owner, context.session_id)
    found = relevance_scores.search(session.id, query, limit)
    return (
        "\n\n".join(f"[{position}] {role}: {passage(text, query)}" for position, role, text in found)
        or "Nothing was found."
    )


def passage(text: str, query: str) -> str:
    """A short text whole; of a long one, what stands around the first word of the query in it."""
    if len(text) <= PASSAGE:
        return text
    places = (text.lower().find(word) for word in re.findall(r"\w+", query.lower()))
    start = max(0, min((place for place in places if place >= 0), default=0) - PASSAGE // 4)
    end = start + PASSAGE
    return f"{'… ' if start else ''}{text[start:end]}{' …' if end < len(text) else ''}"
