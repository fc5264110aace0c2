"""JSON that is too long to be read at once: its values one after the other, each as bytes, whoever wrote them. Pure.

Only where a value ends is looked for here; what it is, and whether it is JSON at all, `bus.untrusted` says."""

import re
from collections.abc import Iterator
from typing import IO, Any

from bus import untrusted
from bus.exceptions import Malformed, TooLarge

PIECE = 65_536
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,:\[\]{}\"]*")
_UP_TO_A_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_MOST_NAME = 1_000


class Values:
    """The values of a file, in the order in which they stand there; `most` is how many bytes one may have. All methods
    raise Malformed where something else stands there, and TooLarge."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        file.seek(0)
        self._file = file
        self._most = most
        self._buffer = b""
        self._at = 0

    def more(self) -> bool:
        """Whether anything but space is to come."""
        return bool(self._next())

    def end(self) -> None:
        """Nothing else is to come."""
        if self.more():
            raise Malformed("Something stands after the end.")

    def begins(self, wanted: bytes) -> bool:
        """Whether this byte is next."""
        return self._next() == wanted

    def items(self) -> Iterator[None]:
        """For each item of the array that comes now, in turn: the item is to be read before the next."""
        self._take(b"[")
        if self._took(b"]"):
            return
        yield
        while self._took(b","):
            yield
        self._take(b"]")

    def members(self) -> Iterator[str]:
        """The same for the members of an object: the name of each, whose value is to be read."""
        self._take(b"{")
        if self._took(b"}"):
            return
        yield self._name()
        while self._took(b","):
            yield self._name()
        self._take(b"}")

    def value(self) -> Any:
        """The next value, as plain values that can be stored."""
        if not self.more():
            raise Malformed("It ends too early.")
        while (end := _end_of(self._buffer, self._at)) is None:
            if len(self._buffer) - self._at > self._most:
                break
            if not self._read():
                end = len(self._buffer)
                break
        found = self._buffer[self._at : end]
        if len(found) > self._most:
            raise TooLarge(f"One part of it has more than {self._most} bytes.", limit=self._most)
        self._at = self._at + len(found)
        return untrusted.decode(found, limit=self._most)

    def _name(self) -> str:
        if not self.begins(b'"'):
            raise Malformed("The name of a member is expected.")
        name = self.value()
        if len(name) > _MOST_NAME:
            raise TooLarge(f"A name has more than {_MOST_NAME} characters.", limit=_MOST_NAME)
        self._take(b":")
        return str(name)

    def _take(self, wanted: bytes) -> None:
        if not self._took(wanted):
            raise Malformed(f"Expected {wanted.decode()!r}.")

    def _took(self, wanted: bytes) -> bool:
        took = self._next() == wanted
        self._at += took
        return took

    def _next(self) -> bytes:
        """The next byte that is no space; nothing at the end."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._read():
                return b""

    def _read(self) -> bool:
        """Read as much again as is waiting, so that what is looked through again and again doubles each time."""
        left = self._buffer[self._at :]
        piece = self._file.read(max(PIECE, len(left)))
        self._buffer, self._at = left + piece, 0
        return bool(piece)


def _end_of(buffer: bytes, at: int) -> int | None:
    """Where the value ends that begins here; None: not in this buffer."""
    first = buffer[at : at + 1]
    if first == b'"':
        string = _STRING.match(buffer, at)
        return string.end() if string else None
    if first not in (b"{", b"["):
        scalar = _SCALAR.match(buffer, at)
        assert scalar is not None
        return scalar.end() if scalar.end() < len(buffer) else None
    depth = 0
    while True:
        skipped = _UP_TO_A_BRACKET.match(buffer, at)
        assert skipped is not None
        at = skipped.end()
        if at == len(buffer) or buffer[at : at + 1] == b'"':
            return None
        depth += 1 if buffer[at : at + 1] in (b"{", b"[") else -1
        at += 1
        if depth == 0:
            return at
