"""c: `POST messages/` on the WSGI process and on `manage.py serve`, beside FastAPI with asyncpg and the same rows."""

import json
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks.measure import ROUNDS, Figure, interleaved, percentile
from benchmarks.peer import Peer
from benchmarks.stack import Bench, Server, floor_python

CONNECTIONS = (1, 16)
SECONDS = 2.0
PARLEY = {"api": "WSGI (granian)", "web": "`manage.py serve`"}
FLOOR = "FastAPI and asyncpg on uvicorn"


@dataclass
class Contender:
    """A server under load, and what its rounds came to."""

    server: Server
    headers: str
    rates: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def round(self, load: Peer, sessions: list[str]) -> float:
        """One connection per session; requests per second."""
        before = self.server.processor_seconds()
        requests = [_request(session, self.headers) for session in sessions]
        answer = load.ask("load", port=self.server.port, requests=requests, seconds=SECONDS)
        count = len(answer["took"])
        self.rates.append(count / answer["seconds"])
        self.took += answer["took"]
        self.processor.append(1000 * (self.server.processor_seconds() - before) / (count + len(sessions)))
        return self.rates[-1]

    def figures(self) -> dict[str, float]:
        """By unit."""
        return {
            "requests/s": statistics.median(self.rates),
            "ms p50": 1000 * percentile(self.took, 0.5),
            "ms p99": 1000 * percentile(self.took, 0.99),
            "ms of processor per request": statistics.median(self.processor),
        }


def measure(bench: Bench) -> list[Figure]:
    """The servers take turns; each connection has a session of its own."""
    python = floor_python()
    with ExitStack() as stack:
        servers = {"api": bench.api(), "web": bench.web()}
        if python is not None:
            servers["floor"] = bench.floor("benchmarks.floor_rest:application", python)
        for server in servers.values():
            stack.enter_context(server).ready()
        headers = {name: bench.headers(servers[name]) for name in PARLEY}
        headers["floor"] = "Host: 127.0.0.1\r\n"
        load = stack.enter_context(bench.load("benchmarks.http_load"))
        sessions = bench.sessions(stack.enter_context(bench.writer()), max(CONNECTIONS))
        figures = []
        for count in CONNECTIONS:
            contenders = {name: Contender(server, headers[name]) for name, server in servers.items()}
            _take_turns(contenders, load, sessions[:count])
            figures += _figures(contenders, count)
        return figures


def _take_turns(contenders: dict[str, Contender], load: Peer, sessions: list[str]) -> None:
    def turn(contender: Contender) -> float:
        return contender.round(load, sessions)

    interleaved({name: lambda each=each: turn(each) for name, each in contenders.items()}, ROUNDS)  # type: ignore[misc]


def _figures(contenders: dict[str, Contender], connections: int) -> list[Figure]:
    floor = contenders["floor"].figures() if "floor" in contenders else {}
    return [
        Figure(
            benchmark="c",
            name=f"`POST messages/`, {label}, {connections} connection{'s' * (connections > 1)}",
            value=value,
            unit=unit,
            floor=floor.get(unit),
            floor_name=FLOOR if floor else "",
        )
        for name, label in PARLEY.items()
        for unit, value in contenders[name].figures().items()
    ]


def _request(session: str, headers: str) -> str:
    body = json.dumps({"content": "hello " * 20})
    return (
        f"POST /api/v1/sessions/{session}/messages/ HTTP/1.1\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
