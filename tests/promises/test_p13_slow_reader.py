"""P13: a slow reader hurts only itself. Those who do not read cost the web at most 1 MiB each and are given up; those
who read get everything, in order, and hardly later than without them."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.footprint import footprint
from tests.harness.history import History, percentile
from tests.harness.readers import RawSocket
from tests.harness.scale import scaled
from tests.promises.load import paced

NORMAL, DEAF, DRIPPING = 80, 20, 10
SUBSCRIPTIONS = 16
"""Of each bad reader: every message reaches it so many times."""
MESSAGES = scaled(30)
INTERVAL = 0.1
TEXT = "x" * 8_000
EACH = 1024
"""KiB of memory that a bad reader may cost."""
FLOOR = 0.3
"""Seconds that p99 may always take, as P6 promises: of 30 messages it is the slowest one's, so below it one hiccup of
the machine is as large as the difference."""
TOO_SLOW, TOO_MANY_FRAMES = 4008, 4013


class Bad:
    """Twenty who never read, ten who read a byte at a time, and one who talks and never listens."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.deaf = [RawSocket(browser, "/ws/v1/") for _ in range(DEAF)]
        self.dripping = [RawSocket(browser, "/ws/v1/") for _ in range(DRIPPING)]
        self.chatty = RawSocket(browser, "/ws/v1/")
        self.all = [*self.deaf, *self.dripping, self.chatty]
        for one in self.all:
            one.follow(session, SUBSCRIPTIONS)
        self._enough = threading.Event()

    @contextmanager
    def misbehaving(self) -> Iterator[None]:
        """While inside, they drip and talk; on leaving, they are gone."""
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(self._drip), pool.submit(self._talk)]
            try:
                yield
            finally:
                self._enough.set()
                for one in self.all:
                    one.close()
        for task in running:
            task.result()

    def _drip(self) -> None:
        with contextlib.suppress(OSError):
            while not self._enough.wait(0.05):  # their pace
                for one in self.dripping:
                    one.socket.recv(1)

    def _talk(self) -> None:
        with contextlib.suppress(OSError):  # no longer listened to
            while not self._enough.wait(0.001):
                self.chatty.say(method="ping")


class Reader:
    """Reads as one should, and times every frame against the commit."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.took: list[float] = []

    async def follow(self, browser: Browser, session: str, after: int, ready: asyncio.Semaphore) -> None:
        """Read the messages of one round."""
        async with socket_to(browser, f"/ws/sessions/{session}/?after={after}") as socket:
            await receive(socket)
            ready.release()
            while len(self.versions) < MESSAGES:
                event: dict[str, Any] = (await receive(socket))["event"]
                self.versions.append(event["version"])
                recorded = datetime.fromisoformat(event["recorded_at"])
                self.took.append((datetime.now(UTC) - recorded).total_seconds())


async def listen(cluster: Cluster, session: str, after: int) -> float:
    """p99 from commit to frame of the normal readers, of whom each gets each message once, in order."""
    readers, ready = [Reader() for _ in range(NORMAL)], asyncio.Semaphore(0)
    listening = cluster.browser(0)
    speaking = cluster.browser(1)
    following = [asyncio.create_task(reader.follow(listening, session, after, ready)) for reader in readers]
    for _ in readers:
        await asyncio.wait_for(ready.acquire(), 20)

    def write() -> None:
        with paced([lambda _: speaking.say(session, TEXT)], MESSAGES, INTERVAL):
            pass

    await asyncio.gather(asyncio.to_thread(write), *following)
    for reader in readers:
        assert reader.versions == list(range(after + 1, after + 1 + MESSAGES))
    return percentile([seconds for reader in readers for seconds in reader.took], 0.99)


def test_a_slow_reader_hurts_only_itself(cluster: Cluster, history: History) -> None:
    browser, web = cluster.browser(0), cluster.webs[0]
    session = browser.new_session()
    alone = asyncio.run(listen(cluster, session, 1))
    before = footprint(web).kibibytes
    bad = Bad(browser, session)
    with bad.misbehaving():
        beside = asyncio.run(listen(cluster, session, 1 + MESSAGES))
        each = (footprint(web).kibibytes - before) / len(bad.all)
        with ThreadPoolExecutor(DEAF + 1) as pool:
            ends = list(pool.map(lambda one: one.end(), [*bad.deaf, bad.chatty]))
    sent = SUBSCRIPTIONS * MESSAGES * len(TEXT)
    history.note("info", "figures", alone=alone, beside=beside, each=each, sent=sent, ends=[list(end) for end in ends])
    assert each <= EACH, f"{each:.0f} KiB for each bad reader"
    assert beside <= max(2 * alone, FLOOR), f"p99 {beside:.3f} s beside bad readers, {alone:.3f} s without"
    for end in ends:
        assert end.code in (TOO_SLOW, None) or (end is ends[-1] and end.code == TOO_MANY_FRAMES)
        assert end.read < sent, "who did not read was kept everything"
