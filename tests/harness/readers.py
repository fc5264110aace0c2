"""WebSocket clients that misbehave: they do not read, or a byte at a time, or only talk. Plain sockets, because every
library reads ahead."""

import contextlib
import json
import socket
import struct
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.flow.stack import Browser

RECEIVE_BUFFER = 4096
"""Bytes the system may hold for a client that does not read; what the server's own system holds comes on top."""
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n"
    "Cookie: {cookies}\r\n\r\n"
)
CLOSE = 0x8


class End(NamedTuple):
    """How a connection ended: the close code, if one was said, and the bytes read until then."""

    code: int | None
    read: int


class RawSocket:
    """A WebSocket that does only what it is told to: nothing is read, answered or buffered by itself."""

    def __init__(self, browser: Browser, path: str) -> None:
        address = urlsplit(browser.url)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.settimeout(20)
        self.socket.connect((address.hostname, address.port))
        fields = {"path": path, "host": address.netloc, "origin": browser.url, "cookies": browser.cookies}
        self.socket.sendall(_HANDSHAKE.format(**fields).encode())
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._some()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        assert b" 101 " in head.splitlines()[0], head

    def say(self, **message: Any) -> None:
        """Send a frame; its mask is nought."""
        body = json.dumps(message).encode()
        assert len(body) < 126, "only short frames are framed here"
        self.socket.sendall(bytes([0x81, 0x80 | len(body)]) + bytes(4) + body)

    def hear(self) -> tuple[int, bytes]:
        """The next frame: its kind and its body."""
        kind, length = self._exactly(2)
        if length >= 126:
            (length,) = struct.unpack(*((">H", self._exactly(2)) if length == 126 else (">Q", self._exactly(8))))
        return kind & 0x0F, self._exactly(length)

    def follow(self, session: str, times: int) -> None:
        """Subscribe so many times to what comes from now on: every event is then sent as many times."""
        for number in range(times):
            self.say(id=number, method="subscribe", params={"session": session, "after": None})
            while b'"result"' not in self.hear()[1]:
                continue

    def end(self) -> End:
        """Read, at last, everything up to the end. Raises TimeoutError where there is none."""
        read, code = len(self._buffer), None
        with contextlib.suppress(ConnectionError, EOFError):  # cut without a goodbye is an end, too
            while code is None:
                kind, body = self.hear()
                read += len(body)
                code = struct.unpack(">H", body[:2])[0] if kind == CLOSE else None
        return End(code, read)

    def close(self) -> None:
        """Leave without a goodbye."""
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._some()
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _some(self) -> bytes:
        piece = self.socket.recv(65_536)
        if not piece:
            raise EOFError
        return piece
