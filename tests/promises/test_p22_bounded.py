"""P22: connections, handles and memory are bounded: after many requests, sockets and answers a web and a worker hold
what they held after as many before."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack, wait_until
from tests.harness.footprint import connections, footprint
from tests.harness.history import History
from tests.harness.scale import SCALE, scaled

REQUESTS, SOCKETS, ANSWERS = scaled(200), scaled(100), scaled(30)
PARALLEL = 4
SHARE = 1.1
FILES, CONNECTIONS, MEMORY = 4, 2, 4 * 1024
"""What may be there besides: files and connections of whatever is done now and then, KiB of arenas not given back."""
SETTLED = 15.0

pytestmark = pytest.mark.timeout(120 * SCALE)

UNAVAILABLE = 4013
AT_ONCE = 10
_ENDED = "SELECT count(*) FROM bus_storedevent WHERE stream = %s AND type = 'run-completed'"


def request(browser: Browser, session: str, number: int) -> None:
    """One read, every fourth one a write."""
    if number % 4 == 0:
        browser.say(session, "hello")
    else:
        answer = browser.call("GET", f"sessions/{session}/")
        assert answer.status_code == 200, answer.text


async def come_and_go(browser: Browser, session: str) -> None:
    """So many sockets, a few at a time; every second one is cut without a goodbye."""
    places = asyncio.Semaphore(PARALLEL)

    async def one(number: int) -> None:
        async with places:
            while not await visit(number):
                pass  # 4013: it is asked to come back

    async def visit(number: int) -> bool:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
            try:
                await receive(socket)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code != UNAVAILABLE:
                    raise
                return False
            if number % 2:
                socket.transport.abort()
        return True

    await asyncio.gather(*[one(number) for number in range(SOCKETS)])


def answers(browser: Browser, session: str, database: Any) -> None:
    """So many answers, each to its end."""
    (ended,) = database.execute(_ENDED, [session]).fetchone()
    for number in range(1, ANSWERS + 1):
        browser.say(session, "one two three", answer=True)
        if number % AT_ONCE == 0 or number == ANSWERS:  # more would not be allowed to wait
            done = lambda wanted=ended + number: database.execute(_ENDED, [session]).fetchone()[0] == wanted  # noqa: E731
            wait_until(done, what=f"the end of {number} answers")


def load(stack: Stack, browser: Browser, database: Any) -> None:
    """One round, on a session of its own."""
    session = browser.new_session()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(partial(request, browser, session), range(REQUESTS)))
    asyncio.run(come_and_go(browser, browser.new_session()))
    answers(browser, browser.new_session(), database)


class Held:
    """What web and worker hold, and their connections to PostgreSQL."""

    def __init__(self, stack: Stack, database: Any) -> None:
        self.processes = [footprint(process) for process in (*stack.webs, *stack.workers)]
        self.connections = connections(database)

    def excess(self, before: "Held") -> list[str]:
        """What is more than it was before, by more than the share and what may be there besides."""
        found = list(_excess("connections", self.connections, before.connections, CONNECTIONS))
        for name, now, then in zip(("web", "worker"), self.processes, before.processes, strict=True):
            found += _excess(f"files of the {name}", now.files, then.files, FILES)
            found += _excess(f"KiB of the {name}", now.kibibytes, then.kibibytes, MEMORY)
        return found

    def __repr__(self) -> str:
        return f"{self.connections} connections, {[tuple(process) for process in self.processes]}"


def _excess(what: str, now: int, then: int, besides: int) -> Iterator[str]:
    if now > then * SHARE + besides:
        yield f"{now} {what} after {then}"


def test_web_and_worker_hold_no_more_than_after_as_much_before(tight: Stack, history: History) -> None:
    browser = tight.login("alice")
    with tight.connect() as database:
        load(tight, browser, database)
        before = Held(tight, database)
        load(tight, browser, database)
        settled = lambda: not Held(tight, database).excess(before)  # noqa: E731
        with contextlib.suppress(AssertionError):  # what is then too much is said below
            wait_until(settled, deadline=SETTLED)
        after = Held(tight, database)
        history.note("info", "figures", before=repr(before), after=repr(after))
        assert not after.excess(before), "; ".join(after.excess(before))
