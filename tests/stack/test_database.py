"""The database's connections are bounded: a crowd of requests waits for them instead of opening more."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack, wait_until
from tests.stack.conftest import WORKER

POOL = 4
READERS = 2
REQUESTS = 60
SOCKETS = 20


@pytest.fixture(scope="module")
def narrow(django_db_setup: None) -> Iterator[Stack]:
    """A web with few connections; the only one on its database."""
    settings = {"DATABASE_POOL": str(POOL), "BUS_READER_CONNECTIONS": str(READERS)}
    made = Stack(f"narrow_{WORKER}", workers=0, settings=settings)
    try:
        yield made.start()
    finally:
        made.stop()


def connections(stack: Stack, state: str = "%") -> int:
    """How many connections others have open to the stack's database, in that state."""
    with stack.connect("postgres") as database:
        counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND coalesce(state, '') LIKE %s"
        row = database.execute(counted, [stack.database, state]).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def read_from_the_log(browser: Browser, session: str) -> None:
    """Come as a reader who has nothing yet, and leave with the first event."""

    async def main() -> None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
            await receive(socket)
            assert (await receive(socket))["event"]["version"] == 1

    asyncio.run(main())


def test_a_crowd_of_requests_opens_no_more_connections_than_the_pools_hold(narrow: Stack) -> None:
    browser = narrow.login("alice")
    session = browser.new_session()
    most = 0
    with ThreadPoolExecutor(REQUESTS + SOCKETS) as crowd:
        asked = [
            crowd.submit(browser.call, "POST", f"sessions/{session}/messages/", {"content": "hello"})
            for _ in range(REQUESTS)
        ]
        reading = [crowd.submit(read_from_the_log, browser, browser.new_session()) for _ in range(SOCKETS)]
        while not (all(map(Future.done, asked)) and all(map(Future.done, reading))):
            most = max(most, connections(narrow))
        for reader in reading:
            reader.result()
        assert {request.result().status_code for request in asked} == {201}
    assert POOL <= most <= POOL + READERS + 1
    # all given back: none is at work or left in a transaction (idle ones the pool keeps, for its `max_idle`)
    wait_until(lambda: connections(narrow) == connections(narrow, "idle"), deadline=5, what="every connection idle")
    assert connections(narrow) <= POOL + READERS
