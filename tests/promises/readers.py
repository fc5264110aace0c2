"""Readers as a careful program would be: they come back after every cut with their last version, and time frames."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser
from tests.harness.cluster import Cluster
from tests.harness.history import check_versions

COME_BACK = {1006, 1012, 4001, 4008, 4013}
"""Close codes after which a client may come back (docs/protocol.md); 1006: cut, 1012: the server restarts."""
PAUSE = 0.05
"""Seconds before coming back."""
CATCH_UP = 30.0


class Reader:
    """Follows one session; `versions` in the order of delivery, `took` with the seconds from commit to frame."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser = browser
        self.session = session
        self.versions: list[int] = []
        self.took: list[tuple[datetime, float]] = []
        self.codes: Counter[int] = Counter()

    async def follow(self) -> None:
        """Until cancelled. Raises AssertionError when it is told to stay away."""
        while True:
            after = self.versions[-1] if self.versions else 0
            try:
                async with socket_to(self.browser, f"/ws/sessions/{self.session}/?after={after}") as socket:
                    while True:
                        self.note(await receive(socket, 60))
            except ConnectionClosed:
                self.codes[socket.close_code or 1006] += 1
                assert set(self.codes) <= COME_BACK, f"a reader with the right to read was told {self.codes}"
            except (OSError, InvalidHandshake, InvalidMessage):
                pass  # the web is away
            await asyncio.sleep(PAUSE)  # the pace of coming back

    def note(self, frame: dict[str, dict[str, str | int]]) -> None:
        """Keep an event's version and its age (one machine: one clock)."""
        if "event" in frame:
            self.versions.append(int(frame["event"]["version"]))
            recorded = datetime.fromisoformat(str(frame["event"]["recorded_at"]))
            self.took.append((recorded, (datetime.now(UTC) - recorded).total_seconds()))


async def read_while(readers: Sequence[Reader], write: Callable[[], dict[str, int]]) -> None:
    """All readers follow while `write` runs in a thread, and then up to the last versions it returns."""
    following = [asyncio.create_task(reader.follow()) for reader in readers]

    async def until(condition: Callable[[Reader], bool], what: str) -> None:
        end = asyncio.get_running_loop().time() + CATCH_UP
        while not all(condition(reader) for reader in readers):
            for task in following:
                if task.done():
                    task.result()  # a reader that failed is why the condition did not come true
            assert asyncio.get_running_loop().time() < end, f"{what} did not come true within {CATCH_UP} s"
            await asyncio.sleep(0.02)

    try:
        await until(lambda reader: bool(reader.versions), "every reader's first event")
        last = await asyncio.to_thread(write)
        await until(lambda reader: reader.versions[-1] >= last[reader.session], "every reader's last event")
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


def check_readers(cluster: Cluster, readers: Sequence[Reader]) -> None:
    """Each was given every version once, in order."""
    for reader in readers:
        check_versions(reader.versions, len(cluster.messages(reader.session)))
