"""P20: never silently incomplete. Where the log was restored from an older copy or pruned, a reader is told to begin
anew; what it then reads and is sent is all there is."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.flow.sockets import close_code, receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import check_versions

WRITTEN = 10
KEPT = 4
RESTORED = 4010
NOTICED = 5.0
"""Seconds, with the heads polled once per second."""
TABLES = {
    "sessions_app_memory": "session",
    "sessions_app_message": "session_id",
    "sessions_app_conversation": "session_id",
    "sessions_app_session": "id",
    "bus_storedevent": "stream",
    "bus_stream": "id",
}
"""Where a session of these tests stands, by the columns that name it."""


def written(browser: Browser) -> str:
    """A session at version 1 + WRITTEN."""
    session = browser.new_session()
    for number in range(WRITTEN):
        browser.say(session, f"old {number}")
    return session


_damaged: list[str] = []


@pytest.fixture(autouse=True)
def _gone_afterwards(cluster: Cluster) -> Iterator[None]:
    """The rest of the log still tells the rows, for tests that come later."""
    yield
    with cluster.connect() as database, database.transaction():
        for table, column in TABLES.items():
            database.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s::uuid[])", [_damaged])
    _damaged.clear()


def restore(cluster: Cluster, session: str, version: int) -> None:
    """What an older copy of the database holds of this session."""
    _damaged.append(session)
    with cluster.connect() as database, database.transaction():
        database.execute("DELETE FROM bus_storedevent WHERE stream = %s AND version > %s", [session, version])
        database.execute("DELETE FROM sessions_app_message WHERE session_id = %s AND position > %s", [session, version])
        database.execute("UPDATE bus_stream SET version = %s WHERE id = %s", [version, session])


def prune(cluster: Cluster, session: str, version: int) -> None:
    """Remove the events up to a version, as a retention rule would; the rows made of them stay."""
    _damaged.append(session)
    with cluster.connect() as database:
        database.execute("DELETE FROM bus_storedevent WHERE stream = %s AND version <= %s", [session, version])


async def reset(browser: Browser, session: str, after: int, head: int) -> tuple[list[int], list[str]]:
    """Resume and be reset. The versions of two events written after it, and all messages as REST has them."""
    async with socket_to(browser, f"/ws/sessions/{session}/?after={after}") as socket:
        answer = (await receive(socket))["result"]
        assert answer == {"subscription": "s1", "head": head, "recovered": False, "reset": True}
        for number in range(2):
            await asyncio.to_thread(browser.say, session, f"new {number}")
        versions = [(await receive(socket))["event"]["version"] for _ in range(2)]
    page = (await asyncio.to_thread(browser.call, "GET", f"sessions/{session}/messages/?limit=100")).json()
    return versions, [row["content"][0]["text"] for row in page["data"]]


def texts(old: int) -> list[str]:
    """The messages there are once a restore or a retention rule has left `old` of the first."""
    return [*(f"old {number}" for number in range(old)), "new 0", "new 1"]


def test_who_knows_more_than_a_restored_log_is_told_to_begin_anew(cluster: Cluster) -> None:
    browser = cluster.browser()
    session = written(browser)
    restore(cluster, session, KEPT)
    versions, messages = asyncio.run(reset(browser, session, 1 + WRITTEN, KEPT))
    assert versions == [KEPT + 1, KEPT + 2]
    assert sorted(messages) == sorted(texts(KEPT - 1))


@pytest.mark.parametrize("after", [0, KEPT - 1])
def test_who_needs_what_was_pruned_is_told_to_begin_anew(cluster: Cluster, after: int) -> None:
    browser = cluster.browser()
    session = written(browser)
    prune(cluster, session, KEPT)
    versions, messages = asyncio.run(reset(browser, session, after, 1 + WRITTEN))
    assert versions == [WRITTEN + 2, WRITTEN + 3]
    assert sorted(messages) == sorted(texts(WRITTEN))


def test_who_needs_nothing_that_was_pruned_goes_on(cluster: Cluster) -> None:
    browser = cluster.browser()
    session = written(browser)
    prune(cluster, session, KEPT)

    async def read() -> None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after={KEPT}") as socket:
            assert (await receive(socket))["result"] == {"subscription": "s1", "head": 1 + WRITTEN, "recovered": True}
            got = [(await receive(socket))["event"]["version"] for _ in range(1 + WRITTEN - KEPT)]
        assert got == list(range(KEPT + 1, WRITTEN + 2))

    asyncio.run(read())


def test_who_follows_a_log_that_goes_back_is_told_and_then_gets_all_of_it(cluster: Cluster) -> None:
    browser = cluster.browser()
    session = written(browser)

    async def read() -> list[int]:
        path = f"/ws/sessions/{session}/"
        async with socket_to(browser, f"{path}?after={1 + WRITTEN}") as socket:
            await receive(socket)
            await asyncio.to_thread(restore, cluster, session, KEPT)
            await asyncio.to_thread(browser.say, session, "instead")  # a version the reader believes to have
            assert await close_code(socket, NOTICED) == (
                RESTORED,
                "the log was restored from an older copy; begin anew",
            )
        async with socket_to(browser, f"{path}?after=0") as socket:
            assert (await receive(socket))["result"]["recovered"] is True
            await asyncio.to_thread(browser.say, session, "and on")
            return [(await receive(socket))["event"]["version"] for _ in range(KEPT + 2)]

    check_versions(asyncio.run(read()), KEPT + 2)
