"""Answers that go on after Django is done: places, clients who leave or do not read, refusals that stay whole."""

import asyncio
from typing import Any

import pytest

from config import health
from config.streams import KEY, Handover, NoPlace, Places, Streams, TooManyStreams
from config.uploads import Message, Receive, Send


class Flow:
    """Writes a piece, then waits until it may end; `left` says that the client went first."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.left = False

    async def run(self, write: Any) -> None:
        await write(b"data: 1\n\n")
        await self.go.wait()

    async def gone(self) -> None:
        self.left = True


class Client:
    """One request; `leave` hangs up; `reads` is cleared by one who does not read."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.has_left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message.get("more_body"):
            await self.reads.wait()
        self.sent.append(message)

    async def to(self, streams: Streams) -> None:
        await streams({"type": "http", "path": "/", "headers": []}, self.receive, self.send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


class Late(Flow):
    """A flow that knows only later how the answer begins."""

    async def run(self, write: Any) -> None:
        await self.go.wait()
        await write(b"sorry")

    def beginning(self, message: Message) -> Message:
        return {**message, "status": 502}


async def nobody(scope: Any) -> str | None:
    return None


def serving(flow: Flow, places: Places) -> Streams:
    """A view that leaves this flow, or refuses."""

    async def view(scope: Any, receive: Receive, send: Send) -> None:
        handover: Handover = scope[KEY]
        headers = [(b"Content-Length", b"4")]
        try:
            handover.enter("alice")
        except (TooManyStreams, NoPlace) as error:
            await send({"type": "http.response.start", "status": error.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"none"})
            return
        handover.flow = flow
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"\n"})

    return Streams(view, nobody, places=places, send_timeout=0.05)


async def until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0)


def test_a_flow_goes_on_where_django_ended_and_keeps_its_place_until_its_end() -> None:
    async def run() -> None:
        flow, places, client, refused = Flow(), Places(each=1, most=9), Client(), Client()
        streams = serving(flow, places)
        reading = asyncio.create_task(client.to(streams))
        await until(lambda: client.body)
        await refused.to(streams)
        assert (refused.sent[0]["status"], refused.body) == (429, b"none")
        assert places.open == {"alice": 1}
        flow.go.set()
        await reading
        assert (client.sent[0]["headers"], client.body) == ([], b"data: 1\n\n")
        assert not client.sent[-1].get("more_body")
        assert (flow.left, places.open) == (False, {})

    asyncio.run(run())


def test_a_client_that_leaves_or_does_not_read_ends_its_flow() -> None:
    async def run(leaves: bool) -> None:
        flow, places, client = Flow(), Places(each=1, most=1), Client()
        if leaves:
            client.has_left.set()
        else:
            client.reads.clear()
        await client.to(serving(flow, places))
        assert (flow.left, places.open) == (True, {})
        assert [message["type"] for message in client.sent].count("http.response.body") == leaves

    asyncio.run(run(leaves=True))
    asyncio.run(run(leaves=False))


def test_there_are_so_many_places_and_none_in_a_server_that_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(each=1, most=2)
    places.enter("alice")
    places.enter("bob")
    with pytest.raises(NoPlace):
        places.enter("charlie")
    with pytest.raises(TooManyStreams):
        places.enter("bob")
    places.leave("bob")
    monkeypatch.setattr(health, "draining", True)
    with pytest.raises(NoPlace):
        places.enter("charlie")
    assert places.open == {"alice": 1}


def test_an_answer_may_begin_late_with_a_status_that_nobody_knew_before() -> None:
    async def run() -> None:
        flow, client = Late(), Client()
        answering = asyncio.create_task(client.to(serving(flow, Places(each=1, most=1))))
        await asyncio.sleep(0)
        assert client.sent == []
        flow.go.set()
        await answering
        assert (client.sent[0]["status"], client.body) == (502, b"sorry")
        assert len([message for message in client.sent if message["type"] == "http.response.start"]) == 1

    asyncio.run(run())
