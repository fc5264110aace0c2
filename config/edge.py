"""What stands before the application on every ASGI server: a limit on bodies, a limit on requests at work at once.

Servers differ in what they enforce (daphne enforces nothing), so it is done here, before anything is buffered."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """The request's body grew over the limit while it was read."""


class Edge:
    """ASGI middleware. Answers 413 and 503 itself, as problem documents."""

    def __init__(self, application: Application, *, body_limit: int, concurrency: int) -> None:
        self.application = application
        self.body_limit = body_limit
        self.concurrency = concurrency
        self.at_work = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await self.application(scope, receive, send)
        elif self.at_work >= self.concurrency and scope["path"] not in ("/healthz", "/readyz"):
            busy = (b"retry-after", b"1")
            await problem(scope, send, 503, "unavailable", "The server is at its limit; try again.", busy)
        elif declared_length(scope) > self.body_limit:
            await problem(scope, send, 413, "too-large", f"The body may have at most {self.body_limit} bytes.")
        else:
            await self._run(scope, receive, send)

    async def _run(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        read = 0
        answered = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.body_limit:
                raise BodyTooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        self.at_work += 1
        try:
            await self.application(scope, counted, noted)
        except BodyTooLarge:
            if not answered:
                await problem(scope, send, 413, "too-large", f"The body may have at most {self.body_limit} bytes.")
        finally:
            self.at_work -= 1


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
