"""A WebSocket client as a careful program would write it: keeps its last version, checks that nothing is missing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.flow.stack import Browser


@asynccontextmanager
async def socket_to(browser: Browser, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    """An open socket with the browser's cookie and origin."""
    address = f"ws{browser.url.removeprefix('http')}{path}"
    headers = {"Cookie": browser.cookies, **options.pop("headers", {})}
    origin = options.pop("origin", browser.url)
    async with connect(address, additional_headers=headers, origin=origin, compression=None, **options) as socket:
        yield socket


@asynccontextmanager
async def token_socket(url: str, path: str, token: str) -> AsyncIterator[ClientConnection]:
    """An open socket of a program with a token; `url` as of a web."""
    protocols: Any = ["parley.v1", f"bearer.{token}"]
    async with connect(f"ws{url.removeprefix('http')}{path}", subprotocols=protocols, compression=None) as socket:
        assert socket.subprotocol == "parley.v1"
        yield socket


async def receive(socket: ClientConnection, seconds: float = 20) -> dict[str, Any]:
    """The next frame."""
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), seconds))
    return frame


async def close_code(socket: ClientConnection, seconds: float = 20) -> tuple[int | None, str]:
    """Reads until the server closes; its code and reason."""
    try:
        while True:
            await asyncio.wait_for(socket.recv(), seconds)
    except ConnectionClosed:
        return socket.close_code, socket.close_reason or ""


class Follower:
    """Follows one session through any number of cuts; `versions` is what was delivered, in order."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser = browser
        self.session = session
        self.versions: list[int] = []
        self.cuts = 0
        self._socket: ClientConnection | None = None

    async def follow(self, until: int) -> None:
        """Receive events up to a version, coming back after every cut."""
        while not self.versions or self.versions[-1] < until:
            after = self.versions[-1] if self.versions else 0
            try:
                async with socket_to(self.browser, f"/ws/sessions/{self.session}/?after={after}") as socket:
                    self._socket = socket
                    while not self.versions or self.versions[-1] < until:
                        frame = await receive(socket, 30)
                        if "event" in frame:
                            self.versions.append(frame["event"]["version"])
            except (ConnectionClosed, OSError):
                self._socket = None

    def cut(self) -> bool:
        """Cut the connection without a goodbye; False where there was none to cut."""
        socket, self._socket = self._socket, None
        if socket is None:
            return False
        self.cuts += 1
        socket.transport.abort()
        return True
