"""Shortens old tool results: most of a long agent's window, and least missed. The stored messages stay as they are."""

from collections.abc import Iterator

import msgspec

from sessions_app.llm.context import count
from sessions_app.llm.context.history import History, Unit
from sessions_app.llm.context.plan import Item
from sessions_app.values import Part, Role, ToolResultPart

KEPT = 400
"""Characters left of a shortened result."""


def compacted(history: History, goal: int) -> History:
    """Results shortened, oldest first, until all takes no more than `goal`. Pinned ones stay, and those the model has
    not answered to yet, or it would ask for them again."""
    unseen = {item.id for item in _unanswered(history.units)}
    excess = history.tokens - goal
    units, touched = list(history.units), dict(history.touched)
    for number, unit in enumerate(units):
        items = list(unit.items)
        for place, item in enumerate(items):
            if excess <= 0 or item.pinned or item.id in unseen:
                continue
            shorter = shortened(item)
            if shorter is not item:
                excess -= item.tokens - shorter.tokens
                items[place], touched[item.id] = shorter, "shortened"
        units[number] = msgspec.structs.replace(unit, items=tuple(items), tokens=sum(item.tokens for item in items))
    tokens = sum(unit.tokens for unit in units)
    return msgspec.structs.replace(history, units=tuple(units), touched=touched, tokens=tokens)


def _unanswered(units: tuple[Unit, ...]) -> Iterator[Item]:
    """What stands after the model's latest message in the last exchange."""
    last = next((unit for unit in reversed(units) if unit.kind == "exchange"), None)
    for item in reversed(last.items if last else ()):
        if item.role is Role.ASSISTANT:
            return
        yield item


def shortened(item: Item) -> Item:
    """The message with its long tool results cut; the identical one where that saves nothing."""
    content = [_cut(part) for part in item.content]
    tokens = count.message(content)
    return msgspec.structs.replace(item, content=content, tokens=tokens) if tokens < item.tokens else item


def _cut(part: Part) -> Part:
    if not isinstance(part, ToolResultPart) or len(part.content) <= KEPT:
        return part
    missing = len(part.content) - KEPT
    return ToolResultPart(
        tool_call_id=part.tool_call_id, content=f"{part.content[:KEPT]}\n[{missing} more characters are left out here]"
    )
