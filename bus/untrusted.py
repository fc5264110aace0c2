"""The one door for JSON from outside (REST bodies, socket frames): size, depth, nodes, int64, no NUL, no surrogates."""

import re
from typing import Any, TypeVar

import msgspec

from bus.exceptions import Invalid, Malformed, TooLarge

T = TypeVar("T")

MAX_DEPTH = 64
MAX_NODES = 50_000
INT64 = range(-(2**63), 2**63)


def decode(body: bytes | bytearray | memoryview, *, limit: int, nodes: int = MAX_NODES) -> Any:
    """JSON bytes from outside as plain values. Raises TooLarge (more than `limit` bytes) or Malformed (also for more
    than so many values)."""
    if len(body) > limit:
        raise TooLarge(f"The body has {len(body)} bytes; the limit is {limit}.", limit=limit)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"Not acceptable JSON: {error}") from None
    check(value, most=nodes)
    return value


def check(value: Any, *, most: int = MAX_NODES) -> None:
    """Refuse what PostgreSQL, JavaScript or a stack could choke on later. Iterative: depth costs no recursion."""
    level: list[Any] = [value]
    depth = nodes = 0
    while level:
        depth += 1
        nodes += len(level)
        if depth > MAX_DEPTH:
            raise Malformed(f"Nested deeper than {MAX_DEPTH} levels.")
        if nodes > most:
            raise Malformed(f"More than {most} values.")
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for key in item:
                    _check_scalar(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            else:
                _check_scalar(item)
        level = below


def _check_scalar(item: Any) -> None:
    if isinstance(item, str):
        if "\x00" in item:
            raise Malformed("Text must not contain NUL characters.")
        if not item.isascii() and not _encodable(item):
            raise Malformed("Text must not contain lone surrogates.")
    elif isinstance(item, int) and item not in INT64:
        raise Malformed("Integers must fit in 64 bits.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def convert(value: Any, kind: type[T]) -> T:
    """Plain values as `kind`, strictly. Raises Invalid with `errors: [{pointer, detail}]` (RFC 6901 pointers)."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        known = path.rstrip("`").partition("[...]")[0]  # inside a mapping msgspec does not say under which key
        pointer = re.sub(r"[.\[]", "/", known).replace("]", "")
        raise Invalid(message, errors=[{"pointer": pointer, "detail": message}]) from None
