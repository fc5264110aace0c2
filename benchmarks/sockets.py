"""A process with many WebSockets that costs little: bytes from the transport, a version and a time per event."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from benchmarks.peer import serve

DEADLINE = 120.0
PAUSE = 0.2
STAY_AWAY = 4400
"""Close codes below it say: come back (docs/protocol.md)."""
PING, PONG, CLOSE = 9, 0x8A, 8
T = TypeVar("T")
loop = uvloop.new_event_loop()


class Socket(asyncio.Protocol):
    """One client; knows as much of RFC 6455 as it takes to be sent text, and to answer pings."""

    def __init__(self, crowd: "Crowd", session: str) -> None:
        self.crowd, self.session = crowd, session
        self.last, self.joined, self.comes_back = crowd.after, False, False
        self.buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """Ask for the upgrade."""
        self.transport = transport
        transport.write(self.crowd.handshake(self.session, self.last))
        self.crowd.sockets.add(self)

    def data_received(self, data: bytes) -> None:
        """Frames, after the answer to the upgrade."""
        now = time.monotonic()
        self.buffer += data
        if self.buffer.startswith(b"HTTP/"):
            if not (end := self.buffer.find(b"\r\n\r\n") + 4) > 3:
                return
            if b" 101 " not in self.buffer[:20]:
                self.crowd.fail(self.buffer[:200].decode("latin-1"))
            del self.buffer[:end]
        while (size := _frame(self.buffer)) is not None:
            start, end = size
            self._take(self.buffer[0] & 15, bytes(self.buffer[start:end]), now)
            del self.buffer[:end]

    def _take(self, kind: int, payload: bytes, now: float) -> None:
        place = payload.find(b'"version":')
        if place >= 0:
            version = int(payload[place + 10 : payload.index(b",", place)])
            self.last = version
            self.crowd.received.append((self.session, version, now))
            self.crowd.look()
        elif payload.startswith(b'{"id":null,"result"'):
            self.crowd.joined += not self.joined
            self.joined = True
            self.crowd.look()
        elif kind == PING:
            self.transport.write(bytes((PONG, 128 | len(payload), 0, 0, 0, 0)) + payload)
        elif kind == CLOSE and int.from_bytes(payload[:2]) < STAY_AWAY:
            self.comes_back = True
        elif not self.crowd.closing:
            self.crowd.fail(payload.decode("utf-8", "replace") if kind != CLOSE else f"closed: {payload!r}")

    def connection_lost(self, error: Exception | None) -> None:
        """A server that is at its limit says so, and the client comes back with its last version, as it should."""
        self.crowd.sockets.discard(self)
        self.buffer.clear()
        if self.crowd.closing:
            return
        if self.comes_back:
            self.comes_back = False
            loop.call_later(PAUSE, lambda: self.crowd.keep(self))
        else:
            self.crowd.fail(f"connection lost: {error!r}")


def _frame(buffer: bytearray) -> tuple[int, int] | None:
    """Where the payload of the first frame begins and ends, if it is all there."""
    if len(buffer) < 2:
        return None
    start, length = 2, buffer[1] & 127
    if length > 125:
        start = 4 if length == 126 else 10
        length = int.from_bytes(buffer[2:start])
    return (start, start + length) if len(buffer) >= start + length and len(buffer) >= start else None


class Crowd:
    """All sockets of this process, of one `kind`."""

    kind = Socket

    def __init__(self) -> None:
        self.headers = ""
        self.port, self.after = 0, 0
        self.sockets: set[Socket] = set()
        self._opening: set[asyncio.Task[Any]] = set()
        self.received: list[tuple[str, int, float]] = []
        self.joined = 0
        self.closing = False
        self._wanted = (0, 0)
        self._reached: asyncio.Future[None] | None = None

    def keep(self, socket: Socket) -> None:
        """Open (again) the connection of a socket."""
        if self.closing:
            return
        task = loop.create_task(loop.create_connection(lambda: socket, "127.0.0.1", self.port))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def handshake(self, session: str, after: int) -> bytes:
        """The request for an upgrade."""
        return (
            f"GET /ws/sessions/{session}/?after={after} HTTP/1.1\r\n{self.headers}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()

    def look(self) -> None:
        """Is what was waited for there?"""
        waiting = self._reached is not None and not self._reached.done()
        if waiting and self.joined >= self._wanted[0] and len(self.received) >= self._wanted[1]:
            assert self._reached is not None
            self._reached.set_result(None)

    def fail(self, reason: str) -> None:
        """Whoever waits is told; so is nobody, between two measurements."""
        if self._reached is not None and not self._reached.done():
            self._reached.set_exception(RuntimeError(reason))

    async def until(self, joined: int, received: int) -> None:
        """Wait for so many joined sockets and received events. Raises TimeoutError, RuntimeError."""
        self._wanted, self._reached = (joined, received), loop.create_future()
        self.look()
        try:
            async with asyncio.timeout(DEADLINE):
                await self._reached
        except TimeoutError:
            found = f"{self.joined} of {joined} joined, {len(self.received)} of {received} events received"
            raise TimeoutError(f"{found} within {DEADLINE:.0f} s") from None


crowd = Crowd()


def on_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """The loop runs all the time, in a thread of its own: sockets nobody asks about must answer pings too."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


def connect(port: int, headers: str, sessions: list[str], after: int, events: int = 0) -> float:
    """A socket per session, resuming after this version; the seconds until all have joined and got their `events`."""

    async def run() -> float:
        crowd.joined = 0
        crowd.received.clear()
        started = time.monotonic()
        crowd.port, crowd.headers, crowd.after, crowd.closing = port, headers, after, False
        for session in sessions:
            crowd.keep(crowd.kind(crowd, session))
        await crowd.until(len(sessions), events * len(sessions))
        took = time.monotonic() - started
        crowd.received.clear()
        return took

    return on_loop(run())


def collect(events: int) -> list[tuple[str, int, float]]:
    """Wait for so many events in all; (session, version, moment of arrival) of each."""

    async def run() -> list[tuple[str, int, float]]:
        await crowd.until(0, events)
        received = list(crowd.received)
        crowd.received.clear()
        return received

    return on_loop(run())


def close() -> None:
    """Cut all connections."""

    async def run() -> None:
        crowd.closing = True
        for socket in tuple(crowd.sockets):
            socket.transport.abort()
        crowd.sockets.clear()

    on_loop(run())


if __name__ == "__main__":
    threading.Thread(target=loop.run_forever, daemon=True).start()
    serve({"connect": connect, "collect": collect, "close": close})
