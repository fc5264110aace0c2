"""P14: a reconnect storm. All sockets cut at once come back and catch up within 30 s, with the connections to
PostgreSQL that are configured and no failure for anybody."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack, free_port, wait_until
from tests.harness.footprint import connections
from tests.harness.history import History, check_log, check_versions
from tests.harness.proxy import FaultProxy
from tests.harness.scale import scaled
from tests.promises.load import Writer, paced

SOCKETS = min(scaled(200), 1000)
SESSIONS = 10
CAUGHT_UP = 30.0
POOLS = 2 * (6 + 2)
"""The connections of one web and one worker as configured in `tight`: pool and readers."""
INTERVAL = 0.06
BEFORE, DURING = 20, 30
"""Messages written before the cut, and while everybody is away and comes back."""


class Behind:
    """A reader behind a proxy that is cut off; comes back at once with its last version."""

    def __init__(self, browser: Browser, port: int, session: str) -> None:
        self.browser = browser
        self.session = session
        self.versions: list[int] = []
        self.cuts = 0
        self.away = True
        self._port = port

    async def follow(self) -> None:
        """Until cancelled."""
        path = f"/ws/sessions/{self.session}/?after="
        while True:
            try:
                async with socket_to(self.browser, f"{path}{self.last}", port=self._port, host="127.0.0.1") as socket:
                    await self._listen(socket)
            except (ConnectionClosed, OSError, EOFError, InvalidHandshake):
                self.cuts += not self.away
                self.away = True
                await asyncio.sleep(0.05)  # a hasty client: it has not read how to come back

    async def _listen(self, socket: object) -> None:
        while True:
            frame = await receive(socket, 60)  # type: ignore[arg-type]
            self.away = False
            if "event" in frame:
                self.versions.append(frame["event"]["version"])

    @property
    def last(self) -> int:
        """The last version it has."""
        return self.versions[-1] if self.versions else 0


@contextmanager
def counted(stack: Stack) -> Iterator[list[int]]:
    """While inside, the connections to the stack's database are counted, again and again."""
    found: list[int] = []
    enough = threading.Event()

    def count() -> None:
        with stack.connect() as database:
            while not enough.wait(0.02):  # how often it is looked
                found.append(connections(database))

    counting = threading.Thread(target=count)
    counting.start()
    try:
        yield found
    finally:
        enough.set()
        counting.join()


class Storm:
    """The readers, and what happens to them."""

    def __init__(self, stack: Stack, sessions: list[str], history: History) -> None:
        self.stack = stack
        self.history = history
        self.sessions = sessions
        self.proxy = FaultProxy(("127.0.0.1", stack.ports[0]), free_port())
        browser = stack.login("alice")
        self.readers = [Behind(browser, self.proxy.port, sessions[n % SESSIONS]) for n in range(SOCKETS)]
        self.writer = stack.login("alice")
        self.took = 0.0

    async def blow(self) -> None:
        """All read, all are cut, all come back: while somebody writes."""
        following = [asyncio.create_task(reader.follow()) for reader in self.readers]
        try:
            await asyncio.to_thread(self._write)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            await asyncio.to_thread(self.proxy.close)

    def _write(self) -> None:
        writers = [Writer(self.writer, session, self.history) for session in self.sessions]

        def write(number: int) -> None:
            writers[number % SESSIONS].write(f"{writers[number % SESSIONS].session}-{number}")

        wait_until(lambda: all(reader.versions for reader in self.readers), what="everybody reading")
        with paced([write], BEFORE + DURING, INTERVAL):
            self.history.reach(BEFORE)
            self.proxy.reset()
            wait_until(lambda: all(reader.cuts for reader in self.readers), what="everybody being cut off")
            self.history.reach(BEFORE + DURING // 2)
            self.proxy.heal()
            back = time.monotonic()
        head = 1 + (BEFORE + DURING) // SESSIONS
        caught_up = lambda: all(reader.last >= head for reader in self.readers)  # noqa: E731
        wait_until(caught_up, deadline=CAUGHT_UP, what="everybody having caught up")
        self.took = time.monotonic() - back


def test_all_sockets_cut_at_once_catch_up_with_the_connections_there_are(tight: Stack, history: History) -> None:
    browser = tight.login("alice")
    sessions = [browser.new_session() for _ in range(SESSIONS)]
    storm = Storm(tight, sessions, history)
    with counted(tight) as found:
        asyncio.run(storm.blow())
    history.note("info", "figures", sockets=SOCKETS, took=round(storm.took, 3), connections=max(found))
    assert history.kinds["fail"] == 0, "somebody was answered with a failure"
    assert storm.took <= CAUGHT_UP
    assert max(found) <= POOLS, f"{max(found)} connections to PostgreSQL"
    for reader in storm.readers:
        check_versions(reader.versions, 1 + (BEFORE + DURING) // SESSIONS)
    for session in sessions:
        rows = browser.call("GET", f"sessions/{session}/messages/?limit=100&order=asc").json()["data"]
        stored = [(number, row["id"], row["content"][0]["text"]) for number, row in enumerate(rows, 1)]
        check_log(history, stored, prefix=session)
