"""From stored messages to the planner's items."""

from typing import Any
from uuid import UUID

import msgspec

from sessions_app.llm.context import count
from sessions_app.llm.context.plan import Item
from sessions_app.values import Content, Metadata, Role, TextPart, ToolCallPart, ToolResultPart, text_of, to_content


def item_of(message: Any) -> Item:
    """The item of a Message row. Its metadata may say `pinned: true`, `excluded: true`, and, of a summary,
    `summarized_messages: [id, …]`."""
    role = Role(message.role)
    calls = msgspec.convert(message.tool_calls, list[ToolCallPart])
    answered = message.tool_call_id if role in (Role.TOOL, Role.FUNCTION) else None
    content = whole(to_content(message.content), answered, calls)
    return Item(
        id=message.id,
        position=message.position,
        role=role,
        content=content,
        tokens=count.message(content),
        pinned=message.metadata.get("pinned") is True,
        excluded=message.metadata.get("excluded") is True,
        covers=covered(message.metadata) if role is Role.SUMMARY else frozenset(),
    )


def whole(content: Content, tool_call_id: str | None, tool_calls: list[ToolCallPart]) -> Content:
    """Tool calls and results as parts, also where the message names them beside its content (document 003 allows
    both)."""
    named = {part.tool_call_id for part in content if isinstance(part, ToolCallPart)}
    missing = [call for call in tool_calls if call.tool_call_id not in named]
    if tool_call_id is not None and not any(isinstance(part, ToolResultPart) for part in content):
        result = ToolResultPart(tool_call_id=tool_call_id, content=text_of(content))
        return [result, *(part for part in content if not isinstance(part, TextPart)), *missing]
    return [*content, *missing]


def covered(metadata: Metadata) -> frozenset[UUID]:
    """The ids a summary names. What is not a list of ids covers nothing: metadata is anybody's to write."""
    try:
        return msgspec.convert(metadata.get("summarized_messages") or [], frozenset[UUID])
    except msgspec.ValidationError:
        return frozenset()
