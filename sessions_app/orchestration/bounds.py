"""What a rendering of a template may cost, and how long what comes of it may be. Plain; used by `filters` and
`templates`."""

from contextvars import ContextVar
from itertools import count
from typing import Any, TypeVar

import msgspec

from bus.exceptions import Refused

V = TypeVar("V")

MOST_CHARACTERS = 1_000_000
"""Of what is rendered, and of every text on the way to it."""
MOST_WORK = 10_000_000
"""Of one rendering, in units of some 10 ns to 50 ns: well below a second."""
STEP = 20
PER_UNIT = 10
"""Characters that are worked through for one unit."""


class TemplateFailed(Refused):
    """The template cannot be rendered with these variables."""

    code = "template-failed"
    status = 422


class Work:
    """What one rendering may still cost."""

    def __init__(self) -> None:
        self.left = MOST_WORK

    def charge(self, units: int) -> None:
        """Raises TemplateFailed when nothing is left."""
        self.left -= units
        if self.left < 0:
            raise TemplateFailed("The template takes too long; loop over less.")


work: ContextVar[Work] = ContextVar("work")
"""Of the rendering that goes on."""


def weight(value: Any) -> int:
    """What it costs to look at the whole of a value; charged on the way, so that it ends early."""
    units, todo = 0, [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (list, tuple)):
            todo.extend(item)
        cost = STEP + (len(item) // PER_UNIT if isinstance(item, str) else 0)
        work.get().charge(cost)
        units += cost
    return units


def charge(*values: Any) -> None:
    """For values that are looked at from above."""
    sizes = (len(value) if isinstance(value, (str, list, tuple, dict)) else 0 for value in values)
    work.get().charge(sum(STEP + size // PER_UNIT for size in sizes))


def bounded(value: V) -> V:
    """The value, unless it is too long. Raises TemplateFailed."""
    if isinstance(value, (str, list)):
        check_length(len(value))
    return value


def as_json(value: Any, room: int = 0) -> bytes:
    """A value as JSON, its lines indented by so much for each level. That it comes to too much is found before it is
    made."""
    level, length = [value], 0
    for depth in count():
        work.get().charge(STEP * len(level))
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                length += len(item)
            elif isinstance(item, (list, tuple, dict)) and item:
                length += len(item) * (2 + room * (depth + 1)) + room * depth
                length += sum(map(len, item)) if isinstance(item, dict) else 0
                check_length(length)
                below.extend(item.values() if isinstance(item, dict) else item)
        if not below:
            break
        level = below
    check_length(length)
    work.get().charge(length // PER_UNIT)
    encoded = msgspec.json.encode(value)
    return msgspec.json.format(encoded, indent=room) if room else encoded


def check_length(length: int) -> None:
    """Raises TemplateFailed where that is too long."""
    if length > MOST_CHARACTERS:
        raise TemplateFailed(f"A text comes to more than {MOST_CHARACTERS:,} characters.")
