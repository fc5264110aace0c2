"""g: hundreds of answers streaming through workers to sockets, beside aiohttp alone; one at a time; and many short."""

import http.client
import json
import statistics
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.measure import ROUNDS, Figure, percentile, wait
from benchmarks.peer import ROOT, Peer
from benchmarks.stack import Bench, Server, Worker, floor_python

STREAMS, TOKENS = 500, 100
SINGLES = 21
SHORT, FULL, WIDE = 500, 5_000, 100
"""Short runs, by default and with `full`; so many at a time."""
WALL, PROCESSOR, LATE, MEMORY, FIRST = 3.2, 60.0, 60.0, 250.0, 60.0
"""The aims: seconds, microseconds per token, ms, MiB, ms."""
HELD = {
    "memory of the worker": "MiB",
    "its open files": "files",
    "its sockets": "sockets",
    "its threads": "threads",
    "connections to PostgreSQL of all processes": "connections",
}
FLOOR = "aiohttp alone, one process"


@dataclass
class Scene:
    """Everything that takes part."""

    bench: Bench
    provider: Server
    api: Server
    web: Server
    crowd: Peer
    writer: Peer

    def __post_init__(self) -> None:
        headers = self.bench.headers(self.web)
        self.socket_headers = f"{headers}Origin: {self.web.url}\r\n"
        self.api_headers = self.bench.headers(self.api)

    def worker(self, number: int = 0) -> Worker:
        """A worker process that asks our provider."""
        settings = {"RUN_CONCURRENCY": str(STREAMS), "OPENAI_BASE_URL": f"{self.provider.url}/v1"}
        return self.bench.worker(f"bench-worker{number}", **settings)

    def join(self, count: int) -> list[str]:
        """So many new sessions, each watched by a socket."""
        sessions = self.bench.sessions(self.writer, count)
        self.crowd.ask("connect", port=self.web.port, headers=self.socket_headers, sessions=sessions, after=1)
        return sessions

    def request(self, model: str, sessions: list[str]) -> float:
        """A run in each session; the moment of the first POST."""
        asked: float = self.crowd.ask(
            "request", port=self.api.port, headers=self.api_headers, model=model, sessions=sessions
        )
        return asked

    def gate(self, path: str) -> int:
        """How many streams wait at the provider's gate; /release opens it."""
        asked = http.client.HTTPConnection("127.0.0.1", self.provider.port)
        try:
            asked.request("GET", path)
            return int(asked.getresponse().read())
        finally:
            asked.close()


def measure(bench: Bench, full: bool) -> list[Figure]:
    """One worker, two, and the floor."""
    python = floor_python()
    with ExitStack() as stack:
        provider, web = bench.provider(), bench.web()
        api = bench.api()
        api.environment["OPENAI_BASE_URL"] = web.environment["OPENAI_BASE_URL"] = f"{provider.url}/v1"
        for server in (provider, api, web):
            stack.enter_context(server).ready()
        load = stack.enter_context(bench.load("benchmarks.watchers"))
        scene = Scene(bench, provider, api, web, load, stack.enter_context(bench.writer()))
        figures = []
        for workers in (1, 2):
            floor = None if python is None else _floor(str(python), provider, workers * STREAMS)
            figures += _streamed(scene, workers, floor)
        with scene.worker() as worker:
            worker.ready()
            return [*figures, _first(scene), *_short(scene, worker, FULL if full else SHORT)]


def _streamed(scene: Scene, count: int, floor: dict[str, float] | None) -> list[Figure]:
    """Rounds of `count` workers, with fresh sessions each; the workers stay."""
    with ExitStack() as stack:
        workers = [stack.enter_context(scene.worker(number)).ready() for number in range(count)]
        before = max(sum(worker.memory()) for worker in workers)
        rounds = [_round(scene, workers) for _ in range(ROUNDS)]
        after = max(sum(worker.memory()) for worker in workers)
    found = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    plural = "s" * (count > 1)
    label = f"{count * STREAMS:,} streams of {TOKENS} tokens, {count} worker{plural}"
    aims = {"wall": WALL, "processor": PROCESSOR, "p50": LATE} if count == 1 else {}
    names = {
        "wall": ("all streaming until all texts are at their sockets", "s"),
        "processor": ("processor of the workers while streaming", "µs per token"),
        "p50": ("a token late by", "ms p50"),
        "p99": ("a token late by", "ms p99"),
        "deltas": ("tokens that came as deltas, the others with the message", "%"),
        "whole": ("first POST until the last run's end", "s"),
        "total": ("processor of the workers in all", "ms per run"),
    }
    figures = [
        _figure(f"{label}: {said}", found[name], unit, aims.get(name), (floor or {}).get(name))
        for name, (said, unit) in names.items()
    ]
    memory = f"{label}: memory of the largest worker"
    return [
        *figures,
        _figure(f"{memory}, before", before, "MiB"),
        _figure(f"{memory}, after", after, "MiB", MEMORY),
    ]


def _round(scene: Scene, workers: list[Worker]) -> dict[str, float]:
    streams = STREAMS * len(workers)
    sessions = scene.join(streams)
    used = _processor(workers)
    asked = scene.request(f"gate-{TOKENS}", sessions)
    wait(lambda: scene.gate("/waiting") == streams, f"{streams} streams at the gate", 120)
    streaming, released = _processor(workers), time.monotonic()
    scene.gate("/release")
    complete = scene.crowd.ask("texts")
    streamed = _processor(workers) - streaming
    ended = scene.crowd.ask("ended", count=streams)
    total = _processor(workers) - used
    late = scene.crowd.ask("latencies")
    scene.crowd.ask("close")
    return {
        "wall": complete - released,
        "whole": ended - asked,
        "processor": 1e6 * streamed / (streams * TOKENS),
        "total": 1e3 * total / streams,
        "deltas": 100 * len(late) / (streams * TOKENS),
        **_percentiles(late),
    }


def _floor(python: str, provider: Server, streams: int) -> dict[str, float]:
    command = [python, "-m", "benchmarks.floor_streams", f"{provider.url}/v1", str(streams), str(TOKENS)]
    rounds = []
    for _ in range(ROUNDS):
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
        said = json.loads(done.stdout)
        each = 1e6 * said["processor"] / (streams * TOKENS)
        rounds.append({"wall": said["wall"], "processor": each, **_percentiles(said["late"])})
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def _first(scene: Scene) -> Figure:
    """One run at a time; the provider's first token comes at once, so all of it is ours."""
    took = []
    for session in scene.join(SINGLES):
        asked = scene.request("free-5", [session])
        took.append(1000 * (scene.crowd.ask("first") - asked))
        scene.crowd.ask("ended", count=1)
    scene.crowd.ask("close")
    return _figure(
        "POST until the first delta at the socket, one run at a time", percentile(took, 0.5), "ms p50", FIRST
    )


def _short(scene: Scene, worker: Worker, runs: int) -> list[Figure]:
    """Before is after a first round: connections and libraries are there."""
    sessions = scene.join(WIDE)

    def round_of_runs() -> None:
        scene.request("burst-5", sessions)
        scene.crowd.ask("ended", count=len(sessions))

    round_of_runs()
    before, used, began = _held(scene.bench, worker), worker.processor_seconds(), time.monotonic()
    for _ in range(runs // WIDE):
        round_of_runs()
    took, used = time.monotonic() - began, worker.processor_seconds() - used
    after = _held(scene.bench, worker)
    scene.crowd.ask("close")
    label = f"{runs:,} short runs, {WIDE} at a time"
    held = [
        _figure(f"{label}: {name}, {when}", values[name], unit)
        for name, unit in HELD.items()
        for when, values in (("before", before), ("after", after))
    ]
    rate = Figure(benchmark="g", name=label, value=runs / took, unit="runs/s")
    return [rate, _figure(f"{label}: processor of the worker", 1000 * used / runs, "ms per run"), *held]


def _held(bench: Bench, worker: Worker) -> dict[str, float]:
    handles = worker.handles()
    with bench.connect() as database:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        row = database.execute(query).fetchone()
        assert row is not None
    values = sum(worker.memory()), len(handles), handles.count("socket"), worker.threads(), row[0]
    return dict(zip(HELD, values, strict=True))


def _processor(workers: list[Worker]) -> float:
    return sum(worker.processor_seconds() for worker in workers)


def _percentiles(late: list[float]) -> dict[str, float]:
    return {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99)}


def _figure(name: str, value: float, unit: str, aim: float | None = None, floor: float | None = None) -> Figure:
    return Figure(
        benchmark="g",
        name=name,
        value=value,
        unit=unit,
        floor=floor,
        floor_name=FLOOR if floor is not None else "",
        aim="" if aim is None else f"≤ {aim:g} {unit.partition(' ')[0]}",
        met=None if aim is None else value <= aim,
    )
