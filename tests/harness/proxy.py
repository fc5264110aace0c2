"""A TCP proxy that misbehaves on request, on a thread and loop of its own; `cluster` puts one before each server."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMITTED = b"Z\x00\x00\x00\x05I"
"""What PostgreSQL says once a statement by itself, or a COMMIT, has taken effect (ReadyForQuery, idle; protocol
documentation, 54.7 "Message Formats")."""
CHUNK = 65_536


@dataclass(frozen=True)
class Cut:
    """Cuts the first connection whose client said `said` as soon as the upstream answers with `reply`."""

    reply: bytes
    said: bytes


class Link:
    """One client and its connection upstream."""

    def __init__(self, client: asyncio.StreamWriter, upstream: asyncio.StreamWriter) -> None:
        self.client = client
        self.upstream = upstream
        self.said = False

    def abort(self) -> None:
        """Cut both sides without a goodbye."""
        self.client.transport.abort()
        self.upstream.transport.abort()


class FaultProxy:
    """Listens on 127.0.0.1:`port` before a Unix socket or a (host, port). Starts passing; faults last until `heal`."""

    def __init__(self, upstream: Path | tuple[str, int], port: int) -> None:
        self.port = port
        self.cuts = 0
        self._upstream = upstream
        self._links: set[Link] = set()
        self._waiting: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._delay = 0.0
        self._left: int | None = None
        self._cut: Cut | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._thread.start()
        self._call(self._listen())

    # -- faults; each returns once it is in force ------------------------------------------------------------------

    def heal(self) -> None:
        """Forward everything again, also what was held back."""
        self._call(self._set())

    def delay(self, seconds: float) -> None:
        """Forward every piece so much later, in both directions."""
        self._call(self._set(delay=seconds))

    def black_hole(self) -> None:
        """Accept everything, forward nothing; what was held back is forwarded after `heal`."""
        self._call(self._set(held=True))

    def reset(self) -> None:
        """Abort all connections and every new one."""
        self._call(self._set(refusing=True))

    def cut_after(self, count: int) -> None:
        """Forward `count` more bytes of replies, then abort the connection they were for. Once."""
        self._call(self._set(left=count))

    def cut_on(self, reply: bytes, *, said: bytes = b"") -> None:
        """Abort the connection whose client said `said` instead of forwarding a reply with this pattern. Once."""
        self._call(self._set(cut=Cut(reply, said)))

    def close(self) -> None:
        """Stop listening, cut everything, end the thread."""
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- on the proxy's loop ---------------------------------------------------------------------------------------

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK)

    async def _close(self) -> None:
        self._server.close()
        self._abort_all()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _set(
        self,
        *,
        held: bool = False,
        refusing: bool = False,
        delay: float = 0.0,
        left: int | None = None,
        cut: Cut | None = None,
    ) -> None:
        self._refusing, self._delay, self._left, self._cut = refusing, delay, left, cut
        if refusing:
            self._abort_all()
        if held:
            self._open.clear()
        else:
            self._open.set()

    def _abort_all(self) -> None:
        for link in tuple(self._links):
            link.abort()
        for writer in tuple(self._waiting):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._waiting.add(writer)
        try:
            if not self._refusing:
                await self._open.wait()
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # the upstream is away, or we are closing: the client sees its connection cut
        finally:
            self._waiting.discard(writer)
            self._serving.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self._upstream, Path):
            answers, asks = await asyncio.open_unix_connection(self._upstream, limit=CHUNK)
        else:
            answers, asks = await asyncio.open_connection(*self._upstream, limit=CHUNK)
        link = Link(writer, asks)
        self._links.add(link)
        pumps = [asyncio.create_task(self._requests(link, reader)), asyncio.create_task(self._replies(link, answers))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            link.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            await self._hold_back()
            if self._cut is not None and self._cut.said in data:
                link.said = True
            link.upstream.write(data)
            await link.upstream.drain()

    async def _replies(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            await self._hold_back()
            if self._cut is not None and link.said and self._cut.reply in data:
                self._cut = None
                data = b""
                self.cuts += 1
                link.client.transport.abort()
            elif self._left is not None and len(data) > self._left:
                data, self._left = data[: self._left], None
                self.cuts += 1
                link.client.write(data)
                with contextlib.suppress(OSError):
                    await link.client.drain()
                return
            elif self._left is not None:
                self._left -= len(data)
            link.client.write(data)
            await link.client.drain()

    async def _hold_back(self) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)
        await self._open.wait()
