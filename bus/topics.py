"""Topic patterns and event filters, compiled once per subscription; pure, used by every kind of subscriber."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec

from bus.exceptions import Invalid

Predicate = Callable[[str], bool]
Operator = Literal["eq", "ne", "in", "lt", "le", "gt", "ge", "exists", "contains"]

_TOPIC = re.compile(r"[a-z0-9*][a-z0-9*\-.:_]{0,99}")


def normalise(topic: str) -> str:
    """A topic in its one spelling: `session:created` and `session.created` are `session-created`."""
    if not _TOPIC.fullmatch(topic):
        raise Invalid(f"{topic[:60]!r} is not a topic: lower-case words joined by '-', with '*' as wildcard")
    return topic.replace(":", "-").replace(".", "-")


@lru_cache(maxsize=1024)
def _compiled(topics: tuple[str, ...]) -> Predicate:
    if "*" in topics:  # what most readers want; asked for every frame and reader
        return lambda _: True
    exact = frozenset(topic for topic in topics if "*" not in topic)
    wild = [tuple(topic.split("*")) for topic in topics if "*" in topic]
    if not wild:
        return exact.__contains__
    return lambda type_name: type_name in exact or any(_fits(type_name, pieces) for pieces in wild)


def _fits(type_name: str, pieces: tuple[str, ...]) -> bool:
    """Whether the pieces between the stars occur in order, the first at the beginning, the last at the end.

    Linear, and not a regular expression: patterns come from outside, and many stars make those backtrack for ever."""
    first, *middle, last = pieces
    if len(type_name) < len(first) + len(last) or not type_name.startswith(first) or not type_name.endswith(last):
        return False
    at, end = len(first), len(type_name) - len(last)
    for piece in middle:
        found = type_name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def matcher(topics: Iterable[str]) -> Predicate:
    """A predicate over event types; no topics at all means every event. `*` stands for any text, anywhere."""
    wanted = tuple(normalise(topic) for topic in topics)
    return _compiled(wanted or ("*",))


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One condition on an envelope, such as `{"field": "data.role", "op": "eq", "value": "user"}`.

    `field` is a dotted path into the envelope. A missing field fails every operator but `ne` and `exists: false`.
    """

    field: str
    op: Operator = "eq"
    value: Any = None

    def accepts(self, envelope: Mapping[str, Any]) -> bool:
        """Whether the envelope (as plain JSON values) meets the condition."""
        found: Any = envelope
        for key in self.field.split("."):
            if not isinstance(found, Mapping) or key not in found:
                return self.op == "ne" or (self.op == "exists" and self.value is False)
            found = found[key]
        try:
            return _OPERATORS[self.op](found, self.value)
        except TypeError:  # values of different kinds have no order
            return False


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, value: bool(found == value),
    "ne": lambda found, value: bool(found != value),
    "in": lambda found, value: found in value,
    "lt": lambda found, value: bool(found < value),
    "le": lambda found, value: bool(found <= value),
    "gt": lambda found, value: bool(found > value),
    "ge": lambda found, value: bool(found >= value),
    "exists": lambda found, value: value is not False,
    "contains": lambda found, value: value in found,
}
