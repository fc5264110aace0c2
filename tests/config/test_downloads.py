"""Downloads at the edge: so many at a time of each user, and none that is read too slowly."""

import asyncio
from typing import Any

import pytest

from config import downloads
from config.downloads import Downloads, Pace
from config.edge import Edge
from tests.config.test_edge import Request
from tests.config.test_uploads import Reader, by_cookie, flowing

PATH = "/api/v1/artifacts/0198f2c4-aaaa-7000-8000-00000000000a/content/"


def of(request: Any, who: str = "alice", path: str = PATH) -> Any:
    request.scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"cookie", who.encode())] if who else [],
    }
    return request


def test_so_many_downloads_at_once_of_each_user() -> None:
    async def run() -> None:
        files = Downloads(by_cookie, each=2)
        edge = Edge(flowing, body_limit=10, concurrency=1, send_timeout=5, downloads=files)
        readers = [of(Reader()) for _ in range(2)]
        reading = []
        for reader in readers:
            reading.append(asyncio.create_task(reader.to(edge)))
            while not reader.sent:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        third = await of(Request()).to(edge)
        assert (third.status, third.problem["code"], third.headers[b"retry-after"]) == (503, "unavailable", b"1")
        for other in (of(Request(), "bob"), of(Request(), ""), of(Request(), path="/api/v1/sessions/")):
            assert (await other.to(edge)).status == 200
        for reader in readers:
            reader.go.set()
        await asyncio.gather(*reading)
        assert (await of(Request()).to(edge)).status == 200
        assert not files.open

    asyncio.run(run())


def test_who_takes_very_little_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "WINDOW", 0.0)
    for slowest, pieces in ((0, 4), (10**12, 2)):
        edge = Edge(flowing, body_limit=10, concurrency=1, slowest=slowest)
        request = asyncio.run(Request().to(edge))
        assert len(request.sent) == pieces
        assert (edge.at_work, edge.sending) == (0, 0)


def test_a_pace_is_judged_by_the_time_spent_waiting() -> None:
    slow, fast = Pace(8192), Pace(8192)
    assert [slow.too_slow(65_536, 20.0) for _ in range(6)] == [False, False, True, False, False, True]
    assert not any(fast.too_slow(65_536, 7.0) for _ in range(100))
    rare = Pace(8192)
    assert not any(rare.too_slow(10, 0.0) for _ in range(1000)), "what is sent rarely is not read slowly"


def test_sessions_as_files_are_downloads_too() -> None:
    some = "0198f2c4-aaaa-7000-8000-00000000000a"
    files = Downloads(by_cookie, each=1)
    for path, is_one in ((f"sessions/{some}/export/", True), (f"exports/{some}/content/", True), ("exports/", False)):
        assert files.concerns({"method": "GET", "path": f"/api/v1/{path}"}) == is_one
