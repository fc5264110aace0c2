"""What templates can do with values: a few filters and tests over JSON, each bounded in what it costs. Plain; used by
`templates` and, for the names, by `grammar`."""

from collections.abc import Callable
from typing import Any

from jinja2 import StrictUndefined, Undefined

from sessions_app.orchestration.bounds import (
    MOST_CHARACTERS,
    STEP,
    as_json,
    bounded,
    charge,
    check_length,
    weight,
    work,
)

MOST_DIGITS, MOST_INDENT = 10, 40


class Missing(StrictUndefined):
    """What is not there: whatever is done with it fails, and says what it is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"{self._undefined_name} is undefined"


def written(value: Any) -> str:
    """A value as it stands in a text: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        return bounded(value)
    if isinstance(value, Undefined):
        return str(value)  # which fails
    return bounded(as_json(value).decode())


def added(one: Any, other: Any) -> Any:
    """`+`: of two texts, two lists or two numbers."""
    if (isinstance(one, str) and isinstance(other, str)) or (isinstance(one, list) and isinstance(other, list)):
        charge(one, other)
        both: Any = one
        return bounded(both + other)
    return _number(one) + _number(other)


def subtracted(one: Any, other: Any) -> Any:
    """`-`: of two numbers."""
    return _number(one) - _number(other)


def weighed(value: Any) -> Any:
    """The value, before it is compared as a whole."""
    if not isinstance(value, Undefined):
        weight(value)
    return value


def steps(value: Any, body: int) -> list[Any]:
    """What is looped over, where the loop's body has so many nodes; of an object, its names."""
    if not isinstance(value, (list, tuple, dict)):
        raise TypeError(f"{_kind(value)} is no list to loop over")
    work.get().charge(len(value) * body * STEP)
    return list(value)


def _kind(value: Any) -> str:
    kinds = {str: "a text", bool: "true or false", dict: "an object", list: "a list", type(None): "null"}
    return kinds.get(type(value), "a number" if isinstance(value, (int, float)) else "this")


def _number(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # which fails
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{_kind(value)} is no number")
    return value


def _listed(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{_kind(value)} is no list")
    return value


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"a number from {least} to {most} is needed, not {str(value)[:20]}")
    return value


# -- filters -----------------------------------------------------------------------------------------------------------


def _default(value: Any, instead: Any = "") -> Any:
    return instead if isinstance(value, Undefined) else value


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, tuple, dict)):
        raise TypeError(f"{_kind(value)} has no length")
    return len(value)


def _join(values: Any, between: Any = "") -> str:
    texts, glue = [], written(between)
    length = -len(glue)
    for value in _listed(values):
        texts.append(written(value))
        length += len(texts[-1]) + len(glue)
        check_length(length)
    charge(*texts)
    return glue.join(texts)


def _at(values: Any, index: int) -> Any:
    known = values if isinstance(values, str) else _listed(values)
    return known[index] if known else Missing(hint=f"there is no {'last' if index else 'first'} of an empty list")


def _replace(value: Any, old: Any, new: Any) -> str:
    text, old, new = written(value), written(old), written(new)
    if not old:
        raise ValueError("there is nothing to replace in an empty text")
    work.get().charge(len(text))
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _indent(value: Any, width: Any = 4) -> str:
    return _replace(value, "\n", "\n" + " " * _whole(width, 0, MOST_INDENT))


def _truncate(value: Any, length: Any = 255) -> str:
    text = written(value)
    return text if len(text) <= _whole(length, 1, MOST_CHARACTERS) else text[: length - 1] + "…"


def _cased(change: Callable[[str], str]) -> Callable[[Any], str]:
    def run(value: Any) -> str:
        text = written(value)
        work.get().charge(len(text) // 2)  # beyond ASCII it is no copy
        return change(text)

    return run


def _sort(values: Any) -> list[Any]:
    weight(_listed(values))
    return sorted(values)


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str) else list(reversed(_listed(value)))


def _items(value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise TypeError(f"{_kind(value)} has no items")
    work.get().charge(STEP * len(value))
    return list(value.items())


def _tojson(value: Any, indent: Any = 0) -> str:
    return as_json(value, _whole(indent, 0, 8)).decode()


def _round(value: Any, digits: Any = 0) -> Any:
    return round(_number(value), _whole(digits, 1, MOST_DIGITS)) if digits else round(_number(value))


def _parsed(kind: type[int] | type[float]) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        if not isinstance(value, (str, int, float)) or (isinstance(value, str) and len(value) > 100):
            raise TypeError(f"{_kind(value)} is no number")
        return kind(value)

    return parse


def _guarded(function: Callable[..., Any], *, takes_missing: bool) -> Callable[..., Any]:
    def run(value: Any, *arguments: Any) -> Any:
        if isinstance(value, Undefined) and not takes_missing:
            str(value)  # which fails
        charge(value, *arguments)
        return bounded(function(value, *arguments))

    return run


_FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_number(value)),
    "capitalize": _cased(str.capitalize),
    "default": _default,
    "first": lambda values: _at(values, 0),
    "float": _parsed(float),
    "indent": _indent,
    "int": _parsed(int),
    "items": _items,
    "join": _join,
    "last": lambda values: _at(values, -1),
    "length": _length,
    "lower": _cased(str.lower),
    "replace": _replace,
    "reverse": _reverse,
    "round": _round,
    "sort": _sort,
    "string": written,
    "tojson": _tojson,
    "trim": lambda value: written(value).strip(),
    "truncate": _truncate,
    "upper": _cased(str.upper),
}
FILTERS = {name: _guarded(function, takes_missing=name == "default") for name, function in _FILTERS.items()}

TESTS: dict[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda value: not isinstance(value, Undefined),
    "mapping": lambda value: isinstance(value, dict),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "sequence": lambda value: isinstance(value, (list, tuple)),
    "string": lambda value: isinstance(value, str),
    "undefined": lambda value: isinstance(value, Undefined),
}
