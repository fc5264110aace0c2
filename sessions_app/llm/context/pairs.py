"""Makes a conversation one that providers accept: no half of a tool call without the other, no empty message."""

from collections.abc import Sequence

import msgspec

from sessions_app.llm.context import count
from sessions_app.llm.context.plan import Item
from sessions_app.values import Part, Role, TextPart, ToolCallPart, ToolResultPart

Where = tuple[int, int]
"""A part: the index of its item, and its index in the content."""


def paired(items: Sequence[Item]) -> dict[Where, Where]:
    """Each call's place to the place of its result. A result belongs to the latest open call of its id before it (some
    models use one id again and again); what stands in a system message or a summary is neither."""
    pairs: dict[Where, Where] = {}
    waiting: dict[str, Where] = {}
    for number, item in enumerate(items):
        if item.role in (Role.SYSTEM, Role.SUMMARY):
            continue
        for place, part in enumerate(item.content):
            if isinstance(part, ToolCallPart):
                waiting[part.tool_call_id] = (number, place)
            elif isinstance(part, ToolResultPart) and part.tool_call_id in waiting:
                pairs[waiting.pop(part.tool_call_id)] = (number, place)
    return pairs


def mended(items: Sequence[Item]) -> list[Item]:
    """The items without the halves of tool calls whose other half is missing (one with no content where nothing is
    left, the identical item where nothing was wrong), and each result directly after its call: somebody may have
    written while the tool was at work, and providers refuse anything in between."""
    pairs = paired(items)
    whole = {*pairs.keys(), *pairs.values()}
    calls: dict[int, int] = {}
    for (call, _), (result, _) in pairs.items():
        calls[result] = max(call, calls.get(result, call))
    kept = [_kept(item, number, whole) for number, item in enumerate(items)]
    order = sorted(range(len(items)), key=lambda number: _place(kept[number], number, calls))
    return [_with(items[number], kept[number]) for number in order]


def _place(content: list[Part], number: int, calls: dict[int, int]) -> tuple[int, ...]:
    if number in calls and all(isinstance(part, ToolResultPart) for part in content):
        return (calls[number], number)
    return (number,)


def _kept(item: Item, number: int, whole: set[Where]) -> list[Part]:
    return [
        part
        for place, part in enumerate(item.content)
        if not isinstance(part, ToolCallPart | ToolResultPart) or (number, place) in whole
    ]


def _with(item: Item, content: list[Part]) -> Item:
    if len(content) == len(item.content):
        return item
    if is_empty(content):
        return msgspec.structs.replace(item, content=[], tokens=0)
    return msgspec.structs.replace(item, content=content, tokens=min(item.tokens, count.message(content)))


def is_empty(content: Sequence[Part]) -> bool:
    """Whether there is nothing but white space, which some providers refuse."""
    return all(isinstance(part, TextPart) and not part.text.strip() for part in content)
