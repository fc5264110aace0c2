"""What stands before the application on every ASGI server: a limit on bodies, a limit on requests at work at once.

Servers differ in what they enforce (daphne enforces nothing), so it is done here, before anything is buffered."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Edge:
    """ASGI middleware. Answers 413, 408 and 503 itself, as problem documents.

    A body is read here, within its limit and its time, before the request takes one of the places: those who send
    slowly, or do not send at all, keep nobody else out."""

    def __init__(
        self, application: Application, *, body_limit: int, concurrency: int, body_timeout: float = 20.0
    ) -> None:
        self.application = application
        self.body_limit = body_limit
        self.concurrency = concurrency
        self.body_timeout = body_timeout
        self.at_work = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await self.application(scope, receive, send)
        elif self._full(scope):
            await self._busy(scope, send)
        elif declared_length(scope) > self.body_limit:
            await self._too_large(scope, send)
        else:
            await self._read_and_run(scope, receive, send)

    async def _read_and_run(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
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
            await self._run(scope, messages, receive, send)

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

    async def _run(
        self, scope: MutableMapping[str, Any], messages: deque[Message], receive: Receive, send: Send
    ) -> None:
        async def replayed() -> Message:
            return messages.popleft() if messages else await receive()

        self.at_work += 1
        try:
            await self.application(scope, replayed, send)
        finally:
            self.at_work -= 1

    def _full(self, scope: MutableMapping[str, Any]) -> bool:
        return self.at_work >= self.concurrency and scope["path"] not in ("/healthz", "/readyz")

    async def _busy(self, scope: MutableMapping[str, Any], send: Send) -> None:
        again = (b"retry-after", b"1")
        await problem(scope, send, 503, "unavailable", "The server is at its limit; try again.", again)

    async def _too_large(self, scope: MutableMapping[str, Any], send: Send) -> None:
        await problem(scope, send, 413, "too-large", f"The body may have at most {self.body_limit} bytes.")


def declared_length(scope: MutableMapping[str, Any]) -> int:
    """The Content-Length, or 0 where there is none to trust; what has more digits than a length can is too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def document(code: str, status: int, detail: str, path: str, request_id: str = "") -> dict[str, Any]:
    """The members of an RFC 9457 document for what is refused outside the application's views."""
    return {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": path,
        "code": code,
        "request_id": request_id,
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
