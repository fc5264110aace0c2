"""The edge: bodies and requests over the limits are refused before the application sees them, and nothing is kept."""

import asyncio
import json
from typing import Any

import pytest

from config.edge import Edge, document
from config.uploads import Message, Receive, Send, declared_length

LIMIT = 10


class Application:
    """Reads the whole body, piece by piece, then answers; `wait` holds it at work."""

    def __init__(self) -> None:
        self.called = 0
        self.pieces: list[bytes] = []
        self.wait: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        self.called += 1
        more = True
        while more:
            message = await receive()
            self.pieces.append(message.get("body", b""))
            more = message.get("more_body", False)
        if self.wait is not None:
            await self.wait.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})


class Request:
    """A request whose body comes in pieces; `asked` counts how many of them were taken from the server."""

    def __init__(self, *pieces: bytes, path: str = "/", headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope = {"type": "http", "path": path, "headers": headers or []}
        self.pieces = pieces or (b"",)
        self.asked = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.asked += 1
        body = self.pieces[self.asked - 1]
        return {"type": "http.request", "body": body, "more_body": self.asked < len(self.pieces)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def to(self, edge: Edge) -> "Request":
        await edge(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers[b"content-type"] == b"application/problem+json"
        document: dict[str, Any] = json.loads(self.sent[1]["body"])
        assert document["status"] == self.status
        assert self.headers[b"content-length"] == str(len(self.sent[1]["body"])).encode()
        return document


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def edge(application: Application) -> Edge:
    return Edge(application, body_limit=LIMIT, concurrency=2)


def length(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-length", value)]


def test_a_body_at_the_limit_passes_in_the_pieces_in_which_it_comes(edge: Edge, application: Application) -> None:
    request = asyncio.run(Request(b"12345", b"", b"67890", headers=length(b"10")).to(edge))
    assert request.status == 200
    assert application.pieces == [b"12345", b"", b"67890"]


def test_a_body_declared_too_large_is_refused_unread(edge: Edge, application: Application) -> None:
    for declared in (b"11", b"99999999999999999999"):
        request = asyncio.run(Request(b"x", headers=length(declared)).to(edge))
        assert (request.status, request.problem["code"]) == (413, "too-large")
        assert request.headers[b"connection"] == b"close"
        assert request.asked == 0
    assert application.called == 0


def test_a_body_that_grows_too_large_is_refused_at_that_piece(edge: Edge, application: Application) -> None:
    for headers in ([], length(b"5"), length(b"x"), length(b"-1"), length(b"")):
        request = asyncio.run(Request(b"12345", b"678901", b"x" * 1000, headers=headers).to(edge))
        assert (request.status, request.problem["code"]) == (413, "too-large")
        assert request.asked == 2
    assert edge.at_work == 0


def test_a_body_that_does_not_come_is_given_up_and_keeps_nobody_out(application: Application) -> None:
    edge = Edge(application, body_limit=LIMIT, concurrency=1, body_timeout=0.05)

    class Slow(Request):
        async def receive(self) -> Message:
            if self.asked == 1:
                await asyncio.Event().wait()
            return await super().receive()

    async def both() -> tuple[Request, Request]:
        slow = asyncio.create_task(Slow(b"1", b"2").to(edge))
        quick = await Request(b"3").to(edge)
        return await slow, quick

    slow, quick = asyncio.run(both())
    assert (slow.status, slow.problem["code"]) == (408, "timeout")
    assert quick.status == 200
    assert application.pieces == [b"3"]


def test_over_the_limit_of_requests_only_health_is_answered(edge: Edge, application: Application) -> None:
    async def run() -> None:
        application.wait = asyncio.Event()
        working = [asyncio.create_task(Request().to(edge)) for _ in range(2)]
        while edge.at_work < 2:
            await asyncio.sleep(0)
        refused = await Request(b"x").to(edge)
        assert (refused.status, refused.problem["code"]) == (503, "unavailable")
        assert refused.headers[b"retry-after"] == b"1"
        assert refused.asked == 0
        healthy = [asyncio.create_task(Request(path=path).to(edge)) for path in ("/healthz", "/readyz")]
        while application.called < 4:
            await asyncio.sleep(0)
        application.wait.set()
        assert [(await task).status for task in [*working, *healthy]] == [200] * 4
        assert (await Request().to(edge)).status == 200
        assert edge.at_work == 0

    asyncio.run(run())


def test_a_request_that_fails_or_is_given_up_is_no_longer_at_work(application: Application) -> None:
    async def broken(scope: Any, receive: Receive, send: Send) -> None:
        raise RuntimeError("ours")

    async def run() -> None:
        failing = Edge(broken, body_limit=LIMIT, concurrency=1)
        with pytest.raises(RuntimeError, match="ours"):
            await Request().to(failing)
        application.wait = asyncio.Event()
        edge = Edge(application, body_limit=LIMIT, concurrency=1)
        task = asyncio.create_task(Request().to(edge))
        while edge.at_work < 1:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert failing.at_work == edge.at_work == 0

    asyncio.run(run())


def test_sockets_are_neither_counted_nor_limited(edge: Edge) -> None:
    reached: list[str] = []

    async def socket(scope: Any, receive: Receive, send: Send) -> None:
        reached.append(scope["type"])

    edge.application = socket
    edge.at_work = 2
    request = Request()
    request.scope = {"type": "websocket", "path": "/ws/v1/", "headers": []}
    asyncio.run(request.to(edge))
    assert reached == ["websocket"]


def test_the_lifespan_is_answered(edge: Edge) -> None:
    request = Request()
    request.scope = {"type": "lifespan"}
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        return waiting.pop(0)

    asyncio.run(edge(request.scope, receive, request.send))
    assert [message["type"] for message in request.sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(("value", "expected"), [(b"12", 12), (b"", 0), (b"-1", 0), (b"1.5", 0), (b"0x10", 0)])
def test_a_length_that_is_none_is_not_trusted(value: bytes, expected: int) -> None:
    assert declared_length({"headers": [(b"host", b"x"), *length(value)]}) == expected


def test_a_length_of_thousands_of_digits_is_too_large(edge: Edge) -> None:
    assert asyncio.run(Request(b"x", headers=length(b"9" * 5000)).to(edge)).status == 413


def test_clients_of_openai_are_refused_in_words_they_know() -> None:
    refused = document("too-large", 413, "Too much.", "/openai/v1/chat/completions")["error"]
    assert refused == {"message": "Too much.", "type": "invalid_request_error", "param": None, "code": "too_large"}
    assert "error" not in document("too-large", 413, "Too much.", "/api/v1/sessions/")
