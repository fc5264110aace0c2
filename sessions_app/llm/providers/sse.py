"""Server-sent events out of bytes, however they are cut: the data of each event, and nothing else of it."""

from collections.abc import AsyncIterable, AsyncIterator

LONGEST = 4_194_304
"""Bytes of one event; a server that sends more is not talking to us."""


class TooLong(ValueError):
    """The server sent an event without an end."""


async def events(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The data of every complete event. What stands behind the last empty line is no event. Raises TooLong."""
    rest = bytearray()
    data: list[bytes] = []
    size = 0
    async for piece in pieces:
        rest += piece
        if b"\n" in piece:
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            for line in lines:
                if line.startswith(b"data:"):
                    data.append(line.rstrip(b"\r")[5:].removeprefix(b" "))
                    size += len(line)
                elif line in (b"", b"\r") and data:
                    yield b"\n".join(data)
                    data, size = [], 0
        if len(rest) + size > LONGEST:
            raise TooLong
