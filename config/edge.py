"""What stands before the application on every ASGI server: a limit on bodies, a limit on requests at work at once.

Servers differ in what they enforce (daphne enforces nothing), so it is done here, before anything is buffered."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from config.downloads import Downloads, Pace
from config.uploads import Body, Message, Receive, Send, Turns, Uploads, declared_length, with_length

logger = logging.getLogger(__name__)
FLOWING = 4
"""Answers that are being read, for each request that may be at work."""

Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Edge:
    """ASGI middleware. Answers 413, 408 and 503 itself, as problem documents.

    A body is read here, within its limit and its time, before the request takes one of the places: those who send
    slowly, or do not send at all, keep nobody else out."""

    def __init__(
        self,
        application: Application,
        *,
        body_limit: int,
        concurrency: int,
        body_timeout: float = 20.0,
        send_timeout: float = 60.0,
        slowest: int = 0,
        uploads: Uploads | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        self.application = application
        self.body_limit = body_limit
        self.concurrency = concurrency
        self.body_timeout = body_timeout
        self.send_timeout = send_timeout
        self.slowest = slowest
        self.uploads = uploads
        self.downloads = downloads
        self.at_work = 0
        self.sending = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await self.application(scope, receive, send)
        elif self._full(scope):
            await self._busy(scope, send)
        elif self.uploads is not None and self.uploads.concerns(scope, self.body_limit):
            await self._upload(self.uploads, scope, receive, send)
        elif self.downloads is not None and self.downloads.concerns(scope):
            await self._download(self.downloads, scope, receive, send)
        else:
            await self._read_and_run(scope, receive, send)

    async def _upload(self, uploads: Uploads, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """More than others may send, from those who are logged in; for all others the usual limit holds."""
        if declared_length(scope) > uploads.limit:
            await self._too_large(scope, send, uploads.limit)
            return
        who = await self._admitted(uploads, scope, receive, send)
        if who is not None:
            with uploads.taken(who) as body:
                await self._spool_and_run(uploads, body, scope, receive, send)

    async def _download(
        self, downloads: Downloads, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        who = await self._admitted(downloads, scope, receive, send)
        if who is not None:
            with downloads.taken(who):
                await self._read_and_run(scope, receive, send)

    async def _admitted(
        self, turns: Turns, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> str | None:
        """Who has got a turn. None: it is answered, as a stranger's or with 503."""
        try:
            who = await turns.who(scope)
        except Exception:  # the edge has nobody behind it to report to
            logger.exception("nobody can be recognised")
            await self._busy(scope, send)
            return None
        if who is None:
            await self._read_and_run(scope, receive, send)
        elif not turns.enter(who):
            await self._busy(scope, send)
            return None
        return who

    async def _spool_and_run(
        self, uploads: Uploads, body: Body, scope: MutableMapping[str, Any], receive: Receive, send: Send
    ) -> None:
        try:
            async with asyncio.timeout(uploads.timeout):
                await body.fill(receive, uploads.limit, self.body_timeout)
        except TimeoutError:
            await problem(scope, send, 408, "timeout", "The upload did not arrive in time.")
            return
        if body.size > uploads.limit:
            await self._too_large(scope, send, uploads.limit)
        elif self._full(scope):
            await self._busy(scope, send)
        elif body.complete:
            await self._run(with_length(scope, body.size), body.messages(receive), send)

    async def _read_and_run(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if declared_length(scope) > self.body_limit:
            await self._too_large(scope, send)
            return
        try:
            async with asyncio.timeout(self.body_timeout):
                messages = await self._body(receive)
        except TimeoutError:
            await problem(scope, send, 408, "timeout", f"The body did not arrive within {self.body_timeout:.0f} s.")
            return
        if messages is None:
            await self._too_large(scope, send)
        elif self._full(scope):
            await self._busy(scope, send)
        else:
            await self._run(scope, replayed(messages, receive), send)

    async def _body(self, receive: Receive) -> deque[Message] | None:
        """The request's messages up to the end of its body; None when it grew over the limit."""
        messages: deque[Message] = deque()
        read = 0
        while True:
            message = await receive()
            messages.append(message)
            read += len(message.get("body", b""))
            if read > self.body_limit:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return messages

    async def _run(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        place = Place(self)
        try:
            await self.application(scope, receive, place.watching(send))
        except NotTaken:
            logger.info("%s was not read to its end", scope["path"])
        finally:
            place.leave()

    def _full(self, scope: MutableMapping[str, Any]) -> bool:
        return self.at_work >= self.concurrency and scope["path"] not in ("/healthz", "/readyz")

    async def _busy(self, scope: MutableMapping[str, Any], send: Send) -> None:
        again = (b"retry-after", b"1")
        await problem(scope, send, 503, "unavailable", "The server is at its limit; try again.", again)

    async def _too_large(self, scope: MutableMapping[str, Any], send: Send, limit: int = 0) -> None:
        await problem(scope, send, 413, "too-large", f"The body may have at most {limit or self.body_limit} bytes.")


class NotTaken(Exception):
    """A client has stopped reading what it asked for."""


class Place:
    """A request's place among those at work. It is given up when the answer begins to flow: who reads slowly keeps
    nobody out, unless very many do. Who takes nothing for a while, or very little, is hung up on."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._edge.at_work += 1
        self._flows = False
        self._pace = Pace(edge.slowest)

    def watching(self, send: Send) -> Send:
        """`send`, with an eye on what is sent."""

        async def sent(message: Message) -> None:
            if not message.get("more_body"):
                await send(message)
                return
            self._flow()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._edge.send_timeout):
                    await send(message)
            except TimeoutError:
                raise NotTaken from None
            if self._pace.too_slow(len(message.get("body", b"")), time.monotonic() - began):
                raise NotTaken

        return sent

    def _flow(self) -> None:
        if not self._flows and self._edge.sending < FLOWING * self._edge.concurrency:
            self._flows = True
            self._edge.at_work -= 1
            self._edge.sending += 1

    def leave(self) -> None:
        """It is over."""
        if self._flows:
            self._edge.sending -= 1
        else:
            self._edge.at_work -= 1


def replayed(messages: deque[Message], receive: Receive) -> Receive:
    """What was read before, then what comes."""

    async def replay() -> Message:
        return messages.popleft() if messages else await receive()

    return replay


def document(code: str, status: int, detail: str, path: str, request_id: str = "") -> dict[str, Any]:
    """The members of an RFC 9457 document for what is refused outside the application's views; clients of OpenAI find
    theirs among them."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": detail, "type": kind, "param": None, "code": code.replace("-", "_")}
    return {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": request_id,
        **({"error": error} if path.startswith("/openai/") else {}),
    }


async def problem(
    scope: MutableMapping[str, Any], send: Send, status: int, code: str, detail: str, *extra: tuple[bytes, bytes]
) -> None:
    """A problem document without the application's help; the connection is closed after it."""
    body = msgspec.json.encode(document(code, status, detail, scope["path"]))
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"connection", b"close"), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
