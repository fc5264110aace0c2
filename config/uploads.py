"""Bodies larger than others: to which addresses they may go, from whom, and where they wait until they are complete.
Used by the edge, and on WSGI by `wsgi`."""

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]

PIECE = 65_536
IN_MEMORY = 1_048_576
"""Bytes of an upload that are kept in memory; more goes into a file."""
_ADDRESS = re.compile(r"/api/v1/sessions/([0-9a-f-]{36}/artifacts|import)/")


def takes_uploads(method: str, path: str) -> bool:
    """Whether a larger body may be meant."""
    return method == "POST" and _ADDRESS.fullmatch(path) is not None


def declared_length(scope: Scope) -> int:
    """The Content-Length, or 0 where there is none to trust; what has more digits than a length can is too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def with_length(scope: Scope, length: int) -> Scope:
    """The scope of a request whose length is known now, however it came."""
    wrong = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name not in wrong]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


class Body:
    """A body in a temporary file, on its way to the application."""

    def __init__(self, folder: str | None) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=folder)  # noqa: SIM115 (closed in `close`)
        self.size = 0
        self.complete = False

    async def fill(self, receive: Receive, limit: int, patience: float) -> None:
        """Take it in, until it is complete, over the limit, or its sender is gone. Raises TimeoutError when nothing
        comes for `patience` seconds."""
        while not self.complete and self.size <= limit:
            async with asyncio.timeout(patience):
                message = await receive()
            if message["type"] != "http.request":
                return
            piece = message.get("body", b"")
            self.size += len(piece)
            self._file.write(piece)
            self.complete = not message.get("more_body")

    def messages(self, receive: Receive) -> Receive:
        """It as the server would have sent it, then what comes."""
        self._file.seek(0)
        left: int | None = self.size

        async def message() -> Message:
            nonlocal left
            if left is None:
                return await receive()
            piece = self._file.read(PIECE)
            left -= len(piece)
            more = left > 0
            left = left if more else None
            return {"type": "http.request", "body": piece, "more_body": more}

        return message

    def close(self) -> None:
        """Remove it."""
        self._file.close()


class Turns:
    """So many at a time, of each and of all. `who` says whose request it is, by its headers alone."""

    def __init__(self, who: Callable[[Scope], Awaitable[str | None]], *, each: int, most: int | None = None) -> None:
        self.who = who
        self.each = each
        self.most = most
        self.open: Counter[str] = Counter()

    def enter(self, who: str) -> bool:
        """Whether there is a place for one more of theirs."""
        if self.open[who] >= self.each or (self.most is not None and self.open.total() >= self.most):
            return False
        self.open[who] += 1
        return True

    def leave(self, who: str) -> None:
        """It is free again."""
        self.open[who] -= 1
        if not self.open[who]:
            del self.open[who]


class Uploads(Turns):
    """Who may send more, and how many at a time."""

    def __init__(
        self,
        who: Callable[[Scope], Awaitable[str | None]],
        *,
        limit: int,
        most: int,
        each: int,
        timeout: float,
        folder: str | None = None,
    ) -> None:
        super().__init__(who, each=each, most=most)
        self.limit = limit
        self.timeout = timeout
        self.folder = folder

    def concerns(self, scope: Scope, usual: int) -> bool:
        """Whether a body over the usual limit may be meant: it says so, or does not say how long it is."""
        length = declared_length(scope)
        return (length > usual or not length) and takes_uploads(scope.get("method", ""), scope["path"])

    @contextmanager
    def taken(self, who: str) -> Iterator[Body]:
        """A body in the place that was entered; both are gone afterwards."""
        body = Body(self.folder)
        try:
            yield body
        finally:
            body.close()
            self.leave(who)
