"""A process that asks for runs by REST and watches them through WebSockets: when tokens came, when runs ended."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks import sockets
from benchmarks.peer import serve
from benchmarks.sockets import DEADLINE, Socket, crowd, loop, on_loop

DELTA, ENDED, FAILED = b'"type":"run-delta"', b'"type":"run-completed"', b'"type":"run-failed"'
MESSAGE = b'"assistant"'
CONNECTIONS = 16

deltas: list[tuple[float, bytes]] = []
left: dict[str, int] = {}
"""By session: tokens of the text that have not come yet. The whole message brings what deltas did not."""


class Watcher(Socket):
    """Keeps what a delta says as it is, for later."""

    def _take(self, kind: int, payload: bytes, now: float) -> None:
        if DELTA in payload:
            deltas.append((now, payload))
            self._came(payload.count(b" "))  # only tokens have one
        elif FAILED in payload:
            crowd.fail(payload.decode())
        elif b'"version":' not in payload:
            super()._take(kind, payload, now)
        elif ENDED in payload:
            crowd.received.append((self.session, 0, now))
            crowd.look()
        elif MESSAGE in payload:
            self._came(left.get(self.session, 0))

    def _came(self, tokens: int) -> None:
        if self.session in left:
            left[self.session] -= tokens
            if left[self.session] <= 0:
                del left[self.session]


crowd.kind = Watcher


async def _post(port: int, headers: str, model: str, sessions: list[str]) -> None:
    """One run per session, one after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"input": "Count.", "provider": "openai", "model": model})
    rest = f"{headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    try:
        while sessions:
            writer.write(f"POST /api/v1/sessions/{sessions.pop()}/runs/ HTTP/1.1\r\n{rest}".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            answer = await reader.readexactly(int(length))
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(f"{head!r} {answer!r}")
    finally:
        writer.close()


def request(port: int, headers: str, model: str, sessions: list[str]) -> float:
    """Ask for a run in each session; the moment before the first request."""

    async def run() -> float:
        deltas.clear()
        crowd.received.clear()
        left.clear()
        left.update(dict.fromkeys(sessions, int(model.partition("-")[2])))
        todo, began = list(sessions), time.monotonic()
        count = min(CONNECTIONS, len(sessions))
        await asyncio.gather(*(_post(port, headers, model, todo) for _ in range(count)))
        return began

    return on_loop(run())


async def _until(condition: Callable[[], Any]) -> float:
    """The moment it was true."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.002)
    return time.monotonic()


def texts() -> float:
    """Wait until all texts are complete; the moment."""
    return on_loop(_until(lambda: not left))


def first() -> float:
    """Wait for the first delta; the moment it came."""
    on_loop(_until(lambda: deltas))
    return deltas[0][0]


def ended(count: int) -> float:
    """Wait for the end of so many runs; the moment of the last."""

    async def run() -> float:
        await crowd.until(0, count)
        return crowd.received[-1][2]

    return on_loop(run())


def latencies() -> list[float]:
    """How long each token took from the provider to its socket, in ms."""
    found: list[float] = []
    for now, payload in deltas:
        came = int(now * 100_000)
        found += [(came - int(said)) % 10**8 / 100 for said in json.loads(payload)["notice"]["text"].split()]
    return found


if __name__ == "__main__":
    threading.Thread(target=loop.run_forever, daemon=True).start()
    functions: dict[str, Any] = {"connect": sockets.connect, "close": sockets.close, "request": request}
    serve({**functions, "texts": texts, "first": first, "ended": ended, "latencies": latencies})
