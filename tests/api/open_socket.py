"""A WebSocket to our ASGI application that stays open while a test does other things; any number at a time."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from bus.live.hub import hub
from config.asgi import application

PATIENCE = 20


class Socket:
    """`ask` a method, `hear` what comes by itself, in order."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[Any] = asyncio.Queue()
        self.got: asyncio.Queue[Any] = asyncio.Queue()
        self.code: int | None = None
        self.heard: list[Any] = []
        self._ids = itertools.count(1)

    async def ask(self, method: str, **params: Any) -> Any:
        """The result; an error's code as text."""
        ident = next(self._ids)
        frame = {"id": ident, "method": method, "params": params}
        self.given.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})
        answer = await self.hear(lambda frame: frame.get("id") == ident)
        return answer["error"]["code"] if "error" in answer else answer["result"]

    async def hear(self, wanted: Callable[[Any], Any]) -> Any:
        """The first frame that is wanted, of those that came before or come now."""
        for frame in self.heard:
            if wanted(frame):
                self.heard.remove(frame)
                return frame
        while True:
            frame = await self._next()
            if frame is None:
                raise AssertionError(f"closed with {self.code} before it was heard; before that came {self.heard}")
            if wanted(frame):
                return frame
            self.heard.append(frame)

    async def notice(self, kind: str, wanted: Callable[[Any], Any] = lambda _: True) -> Any:
        """The first notice of that type that is wanted."""
        frame = await self.hear(lambda frame: frame.get("notice", {}).get("type") == kind and wanted(frame["notice"]))
        return frame["notice"]

    async def closed(self) -> int | None:
        """The close code; what came before is in `heard`."""
        while self.code is None:
            frame = await self._next()
            if frame is not None:
                self.heard.append(frame)
        return self.code

    async def _next(self) -> Any:
        said = await asyncio.wait_for(self.got.get(), PATIENCE)
        if said["type"] == "websocket.close":
            self.code = said["code"]
            return None
        return json.loads(said["text"]) if "text" in said else await self._next()


@asynccontextmanager
async def open_socket(
    headers: list[tuple[bytes, bytes]], path: str = "/ws/v1/", protocols: tuple[str, ...] = ()
) -> AsyncIterator[Socket]:
    """An open socket of whoever these headers (see `handshake.headers_of`) or subprotocols are."""
    socket = Socket()
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": protocols}
    socket.given.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(application(scope, socket.given.get, socket.got.put))
    try:
        yield socket
    finally:
        socket.given.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(serving, PATIENCE)


def with_sockets(main: Callable[[], Any]) -> None:
    """Run a coroutine function on a loop of its own, and end that loop's hub."""

    async def run() -> None:
        try:
            await main()
        finally:
            await hub().close()

    asyncio.run(run())
