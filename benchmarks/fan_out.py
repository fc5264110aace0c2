"""d: from the commit to the socket: latency and deliveries per second, beside uvicorn with Redis pub/sub alone."""

import asyncio
import time
from contextlib import ExitStack
from typing import NamedTuple
from uuid import UUID, uuid4

from benchmarks.measure import Figure, interleaved, medians, percentile
from benchmarks.peer import Peer
from benchmarks.stack import Bench, Server
from bus.live.feed import Feed
from bus.live.frames import Frame
from bus.live.outbox import Outbox
from bus.live.sink import SocketSink
from bus.live.subscription import Subscription
from bus.registry import default

FLOOR = "uvicorn and Redis pub/sub"
HERE = 1_000
"""Readers of the figure without sockets."""


class Scene(NamedTuple):
    """Sockets on sessions; `paced` events at an interval for the latency, a `burst` for the deliveries per second."""

    name: str
    sockets: int
    sessions: int
    paced: int
    interval: float
    burst: int


SCENES = (
    Scene("1 socket", 1, 1, 60, 0.02, 300),
    Scene("100 sockets on one session", 100, 1, 40, 0.04, 200),
    Scene("1,000 sockets on one session", 1_000, 1, 15, 0.2, 50),
    Scene("1,000 sockets on 1,000 sessions", 1_000, 1_000, 150, 0.01, 1_000),
)


class Line:
    """One way from a writer to the sockets: ours, or the floor's."""

    def __init__(self, way: str, server: Server, headers: str, crowd: Peer) -> None:
        self.way, self.server, self.headers, self.crowd = way, server, headers, crowd
        self.latencies: list[float] = []
        self.rates: list[float] = []

    def join(self, scene: Scene, sessions: list[str]) -> None:
        """Open the sockets of a scene; they stay for all its rounds."""
        self.latencies, self.rates = [], []
        each = sessions * (scene.sockets // scene.sessions)
        self.crowd.ask("connect", port=self.server.port, headers=self.headers, sessions=each, after=1)

    def events(self, writer: Peer, scene: Scene, sessions: list[str], owner: int) -> None:
        """A paced round and a burst, both counted to the last delivery."""
        each = scene.sockets // scene.sessions
        for count, interval in ((scene.paced, scene.interval), (scene.burst, 0.0)):
            self.crowd.send("collect", events=count * each)
            writer.send("paced", way=self.way, sessions=sessions, owner=owner, count=count, interval=interval)
            committed = {(session, version): when for session, version, when in writer.read()}
            arrived = self.crowd.read()
            if interval:
                self.latencies += [when - committed[session, version] for session, version, when in arrived]
            else:
                took = max(when for _, _, when in arrived) - min(committed.values())
                self.rates.append(len(arrived) / took)


def measure(bench: Bench) -> list[Figure]:
    """Ours and the floor in turns, over the same kind of sockets."""
    with ExitStack() as stack:
        web = stack.enter_context(bench.web()).ready()
        floor = stack.enter_context(bench.floor("benchmarks.floor_sockets:application")).ready()
        writer = stack.enter_context(bench.writer())
        headers = f"{bench.headers(web)}Origin: {web.url}\r\n"
        lines = [
            Line(way, server, sent, stack.enter_context(bench.load("benchmarks.sockets")))
            for way, server, sent in (("bus", web, headers), ("redis", floor, headers))
        ]
        figures = []
        for scene in SCENES:
            _play(bench, scene, lines, writer)
            figures += _figures(scene, *lines)
        return [*figures, in_process()]


def _play(bench: Bench, scene: Scene, lines: list[Line], writer: Peer) -> None:
    sessions = bench.sessions(writer, scene.sessions)

    def turn(line: Line) -> float:
        line.events(writer, scene, sessions, bench.alice)
        return line.rates[-1]

    for line in lines:
        line.join(scene, sessions)
    interleaved({line.way: lambda each=line: turn(each) for line in lines})  # type: ignore[misc]
    for line in lines:
        line.crowd.ask("close")


def _figures(scene: Scene, ours: Line, floor: Line) -> list[Figure]:
    found = []
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value, least = (1000 * percentile(line.latencies, share) for line in (ours, floor))
        found.append((f"ms {name}", value, least))
    value, least = (sorted(line.rates)[len(line.rates) // 2] for line in (ours, floor))
    found.append(("deliveries/s", value, least))
    return [
        Figure(benchmark="d", name=f"commit → socket, {scene.name}", value=v, unit=u, floor=f, floor_name=FLOOR)
        for u, v, f in found
    ]


def in_process() -> Figure:
    """What one process could hand out if sockets cost nothing: from the frame to the outbox and out of it."""
    found = medians({"hub": _handed_out, "floor": _appended})
    return Figure(
        benchmark="d",
        name=f"frame → outbox of {HERE:,} readers, no sockets",
        value=found["hub"],
        unit="deliveries/s",
        floor=found["floor"],
        floor_name="a list per reader",
    )


FRAMES = 100


def _handed_out() -> float:
    async def run() -> float:
        stream, dropped = uuid4(), list[Exception]()
        feed, outboxes = Feed(stream, default), [Outbox[str](512, 2**30) for _ in range(HERE)]
        for outbox in outboxes:
            made = Subscription(stream, SocketSink(outbox, "s1"), on_drop=dropped.append)
            made.live = True
            feed.readers.add(made)
        started = time.perf_counter()
        for frame in _frames(stream):
            feed.take(frame)
            for outbox in outboxes:
                await outbox.get()
        assert not dropped
        return HERE * FRAMES / (time.perf_counter() - started)

    return asyncio.run(run())


def _appended() -> float:
    waiting: list[list[bytes]] = [[] for _ in range(HERE)]
    started = time.perf_counter()
    for frame in _frames(uuid4()):
        for line in waiting:
            line.append(frame.body)
        for line in waiting:
            line.pop()
    return HERE * FRAMES / (time.perf_counter() - started)


def _frames(stream: UUID) -> list[Frame]:
    return [Frame(stream=stream, type="message-added", version=n, body=b"-" * 500) for n in range(1, FRAMES + 1)]
