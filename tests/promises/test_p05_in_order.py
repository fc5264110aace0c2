"""P5: a client with its last version sees each later event once, in order. P6: from commit to frame p99 <= 2 s, with
Redis down or wiped too."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from websockets.exceptions import ConnectionClosed

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, check_versions, percentile
from tests.promises.load import Writer, paced

SESSIONS = 3
READERS = 10
INTERVAL = 0.1
EACH_PHASE = 70
"""Messages of all writers, at about 30 per second."""
WORST = 2.0


class Reader:
    """Follows one session and times every frame against the commit."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser = browser
        self.session = session
        self.versions: list[int] = []
        self.took: list[tuple[datetime, float]] = []

    async def follow(self) -> None:
        """Until cancelled, coming back after every cut with the last version."""
        while True:
            after = self.versions[-1] if self.versions else 0
            async with socket_to(self.browser, f"/ws/sessions/{self.session}/?after={after}") as socket:
                try:
                    while True:
                        self.note(await receive(socket, 60))
                except ConnectionClosed:
                    continue

    def note(self, frame: dict[str, dict[str, str | int]]) -> None:
        """Keep an event's version and its age (one machine: one clock)."""
        if "event" in frame:
            self.versions.append(int(frame["event"]["version"]))
            recorded = datetime.fromisoformat(str(frame["event"]["recorded_at"]))
            self.took.append((recorded, (datetime.now(UTC) - recorded).total_seconds()))


def faults(cluster: Cluster, history: History) -> list[tuple[str, datetime]]:
    """Healthy, down, back, wiped: each while so many messages are written; when each began."""
    began = []
    for name, fault in (
        ("healthy", None),
        ("down", cluster.kill_redis),
        ("back", cluster.start_servers),
        ("wiped", cluster.flush_redis),
    ):
        if fault is not None:
            fault()
        began.append((name, datetime.now(UTC)))
        history.reach(history.count() + EACH_PHASE)
    return began


async def read_while(readers: list[Reader], write: Callable[[], dict[str, int]]) -> None:
    """All readers follow while `write` runs in a thread, and then up to the last versions it returns."""
    following = [asyncio.create_task(reader.follow()) for reader in readers]
    try:
        async with asyncio.timeout(20):
            while not all(reader.versions for reader in readers):
                await asyncio.sleep(0.02)
        last = await asyncio.to_thread(write)
        async with asyncio.timeout(20):
            while any(reader.versions[-1] < last[reader.session] for reader in readers):
                await asyncio.sleep(0.02)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


def check_times(history: History, readers: list[Reader], began: list[tuple[str, datetime]]) -> None:
    """p99 from commit to frame, for what was committed in each phase."""
    ends = [at for _, at in began[1:]] + [datetime.max.replace(tzinfo=UTC)]
    for (name, start), end in zip(began, ends, strict=True):
        took = [seconds for reader in readers for at, seconds in reader.took if start <= at < end]
        p50, p99 = percentile(took, 0.5), percentile(took, 0.99)
        history.note("info", name, frames=len(took), p50=round(p50, 4), p99=round(p99, 4), worst=round(max(took), 4))
        assert p99 <= WORST, f"p99 while Redis was {name}: {p99:.3f} s"


def test_every_reader_gets_every_version_once_in_order_and_soon(cluster: Cluster, history: History) -> None:
    sessions = [cluster.browser().new_session() for _ in range(SESSIONS)]
    readers = [Reader(cluster.browser(number), sessions[number % SESSIONS]) for number in range(READERS)]
    clients = [Writer(cluster.browser(number), session, history) for number, session in enumerate(sessions)]
    began: list[tuple[str, datetime]] = []

    def post(number: int, *, client: Writer) -> None:
        client.write(f"{client.session}-{number}")

    def write() -> dict[str, int]:
        with paced([partial(post, client=client) for client in clients], 1000, INTERVAL) as enough:
            began.extend(faults(cluster, history))
            enough.set()
        return {session: len(cluster.messages(session)) for session in sessions}

    asyncio.run(read_while(readers, write))
    for session in sessions:
        check_log(history, cluster.messages(session), prefix=session)
    for reader in readers:
        check_versions(reader.versions, len(cluster.messages(reader.session)))
    check_times(history, readers, began)
