"""Uploads at the edge: larger bodies at one address, from those who are logged in, through a file, so many at a time;
and answers that flow slowly keep nobody out."""

import asyncio
from typing import Any

import pytest

from config.edge import Edge
from config.uploads import IN_MEMORY, Message, Receive, Send, Uploads, takes_uploads
from tests.config.test_edge import Application, Request, length

PATH = "/api/v1/sessions/0198f2c4-aaaa-7000-8000-00000000000a/artifacts/"


async def by_cookie(scope: Any) -> str | None:
    """Who has a cookie is who it says."""
    return next((value.decode() for name, value in scope["headers"] if name == b"cookie"), None)


def edge_for(application: Any, **changes: Any) -> Edge:
    """Ten bytes for everybody, a hundred for those who are logged in; two uploads at once, one of each."""
    how: dict[str, Any] = {"limit": 100, "most": 2, "each": 1, "timeout": 5.0, **changes}
    uploads = Uploads(how.pop("who", by_cookie), **how)
    return Edge(application, body_limit=10, concurrency=2, body_timeout=0.2, send_timeout=0.1, uploads=uploads)


def upload(
    *pieces: bytes, who: str = "alice", path: str = PATH, method: str = "POST", declared: bool = True
) -> Request:
    headers = [(b"cookie", who.encode())] if who else []
    request = Request(*pieces, path=path, headers=headers + length(b"%d" % sum(map(len, pieces))) * declared)
    request.scope["method"] = method
    return request


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.mark.parametrize("declared", [True, False])
def test_who_is_logged_in_may_send_more(application: Application, declared: bool) -> None:
    edge = edge_for(application)
    request = asyncio.run(upload(b"x" * 60, b"", b"y" * 40, declared=declared).to(edge))
    assert request.status == 200
    assert b"".join(application.pieces) == b"x" * 60 + b"y" * 40
    assert edge.at_work == 0
    assert not edge.uploads or not edge.uploads.open


def test_the_application_is_told_how_long_it_is(application: Application) -> None:
    seen: list[Any] = []

    async def looking(scope: Any, receive: Receive, send: Send) -> None:
        seen.extend(scope["headers"])
        await application(scope, receive, send)

    request = upload(b"x" * 30, b"y" * 30, declared=False)
    request.scope = {**request.scope, "headers": [(b"cookie", b"alice"), (b"transfer-encoding", b"chunked")]}
    asyncio.run(request.to(edge_for(looking)))
    assert (b"content-length", b"60") in seen
    assert not [name for name, _ in seen if name == b"transfer-encoding"]


def test_a_large_upload_comes_through_a_file_in_pieces(application: Application) -> None:
    edge = edge_for(application, limit=5 * IN_MEMORY)
    pieces = [bytes([number]) * 200_000 for number in range(20)]
    assert asyncio.run(upload(*pieces).to(edge)).status == 200
    assert b"".join(application.pieces) == b"".join(pieces)
    assert max(map(len, application.pieces)) == 65_536


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("who", "path", "method"),
    [
        ("", PATH, "POST"),
        ("alice", "/api/v1/sessions/", "POST"),
        ("alice", PATH + "x", "POST"),
        ("alice", "/x" + PATH, "POST"),
        ("alice", PATH, "PUT"),
    ],
)
def test_others_and_elsewhere_the_usual_limit_holds(
    application: Application, who: str, path: str, method: str, declared: bool
) -> None:
    request = upload(b"x" * 6, b"y" * 6, who=who, path=path, method=method, declared=declared)
    asyncio.run(request.to(edge_for(application)))
    assert (request.status, request.problem["code"]) == (413, "too-large")
    assert request.asked == (0 if declared else 2)
    assert application.called == 0


def test_a_stranger_may_say_little_there(application: Application) -> None:
    assert asyncio.run(upload(b"x", who="").to(edge_for(application))).status == 200


def test_more_than_an_upload_may_have_is_refused_unread(application: Application) -> None:
    for who in ("", "alice"):
        request = asyncio.run(upload(b"x" * 101, who=who).to(edge_for(application)))
        assert (request.status, request.problem["code"], request.asked) == (413, "too-large", 0)
    request = asyncio.run(upload(b"x" * 60, b"y" * 60, b"z" * 60, declared=False).to(edge_for(application)))
    assert (request.status, request.asked) == (413, 2)
    assert application.called == 0


class Slow(Request):
    """Sends its first piece, and the rest when it is let."""

    def __init__(self, *pieces: bytes, who: str) -> None:
        super().__init__(*pieces, path=PATH, headers=[(b"cookie", who.encode()), (b"content-length", b"50")])
        self.scope["method"] = "POST"
        self.go = asyncio.Event()

    async def receive(self) -> Message:
        if self.asked == 1:
            await self.go.wait()
        return await super().receive()


def test_an_upload_that_stands_still_is_given_up(application: Application) -> None:
    edge = edge_for(application)

    async def run() -> Request:
        return await Slow(b"x", b"y", who="alice").to(edge)

    request = asyncio.run(run())
    assert (request.status, request.problem["code"]) == (408, "timeout")
    assert edge.uploads is not None
    assert not edge.uploads.open


def test_so_many_uploads_at_once_of_each_and_of_all(application: Application) -> None:
    edge = edge_for(application)

    async def run() -> None:
        alices, bobs = Slow(b"x", b"y" * 49, who="alice"), Slow(b"x", b"y" * 49, who="bob")
        coming = [asyncio.create_task(one.to(edge)) for one in (alices, bobs)]
        while not (alices.asked and bobs.asked):
            await asyncio.sleep(0)
        for who in ("alice", "charlie"):
            refused = await upload(b"x" * 50, who=who).to(edge)
            assert (refused.status, refused.problem["code"], refused.asked) == (503, "unavailable", 0)
        assert edge.at_work == 0, "what is still coming takes no place"
        assert (await Request(b"x").to(edge)).status == 200
        alices.go.set()
        bobs.go.set()
        assert [(await one).status for one in coming] == [200, 200]
        assert (await upload(b"x" * 50, who="charlie").to(edge)).status == 200

    asyncio.run(run())


def test_who_leaves_in_the_midst_leaves_nothing_behind(application: Application) -> None:
    edge = edge_for(application)

    class Gone(Request):
        async def receive(self) -> Message:
            return {"type": "http.disconnect"}

    request = Gone(path=PATH, headers=[(b"cookie", b"alice"), *length(b"50")])
    request.scope["method"] = "POST"
    asyncio.run(request.to(edge))
    assert request.sent == []
    assert application.called == 0
    assert edge.uploads is not None
    assert not edge.uploads.open


def test_where_nobody_can_be_recognised_one_is_to_come_back(application: Application) -> None:
    async def broken(scope: Any) -> str | None:
        raise OSError

    request = asyncio.run(upload(b"x" * 50).to(edge_for(application, who=broken)))
    assert (request.status, request.problem["code"]) == (503, "unavailable")


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH[:-1]), ("POST", "/api/v1/artifacts/")])
def test_other_addresses_take_no_uploads(method: str, path: str) -> None:
    assert takes_uploads("POST", PATH)
    assert takes_uploads("POST", "/api/v1/sessions/import/")
    assert not takes_uploads(method, path)


# -- answers that flow -------------------------------------------------------------------------------------------------


async def flowing(scope: Any, receive: Receive, send: Send) -> None:
    """An answer in three pieces."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"x", "more_body": number < 2})


class Reader(Request):
    """Takes the beginning of an answer, and the rest when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            await self.go.wait()
        await super().send(message)


def test_those_who_read_slowly_keep_nobody_out_unless_they_are_very_many() -> None:
    async def run() -> None:
        edge = Edge(flowing, body_limit=10, concurrency=1, send_timeout=5)
        readers = [Reader() for _ in range(4)]
        reading = []
        for reader in readers:
            reading.append(asyncio.create_task(reader.to(edge)))
            while not reader.sent:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert (edge.at_work, edge.sending) == (0, 4)
        fifth = Reader()
        reading.append(asyncio.create_task(fifth.to(edge)))
        while not fifth.sent:
            await asyncio.sleep(0)
        assert (await Request().to(edge)).status == 503
        for reader in (*readers, fifth):
            reader.go.set()
        await asyncio.gather(*reading)
        assert (edge.at_work, edge.sending) == (0, 0)
        assert [len(reader.sent) for reader in readers] == [4] * 4

    asyncio.run(run())


def test_who_takes_nothing_is_hung_up_on() -> None:
    async def run() -> None:
        edge = Edge(flowing, body_limit=10, concurrency=1, send_timeout=0.05)
        reader = Reader()
        await reader.to(edge)
        assert [message["type"] for message in reader.sent] == ["http.response.start"]
        assert (edge.at_work, edge.sending) == (0, 0)

    asyncio.run(run())
