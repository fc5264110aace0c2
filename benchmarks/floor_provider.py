"""A model provider that costs little: OpenAI's chat completions, streamed at a pace, with the moment in every token.

What it does is in the model's name: `free-100` sends 100 tokens at the pace, `gate-100` the same once GET /release
comes (/waiting: how many wait for it), `burst-5` five at once. Run by `benchmarks.stack` as a process of its own."""

import asyncio
import json
import re
import sys
import time
from typing import Any

import uvloop

PACE = 0.02
"""Seconds between two tokens of a stream."""
SLOTS = 10
"""Streams take turns within the pace, as those of many servers would."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
FRAME = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "bench"}


def stamp() -> int:
    """Now, in eight digits: hundredths of a millisecond on the clock that all processes of a machine share."""
    return int(time.monotonic() * 100_000) % 10**8


def event(said: str) -> bytes:
    """One event of the stream, in a chunk of its own."""
    data = b"data: " + said.encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def token() -> bytes:
    """A token: a space and the moment."""
    delta = {"index": 0, "delta": {"content": f" {stamp():08}"}, "finish_reason": None}
    return event(json.dumps({**FRAME, "choices": [delta]}))


def ending(tokens: int) -> bytes:
    """The finish reason, the usage, the end."""
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    used = {"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": tokens + 20}
    said = [{**FRAME, "choices": [choice]}, {**FRAME, "choices": [], "usage": used}]
    return b"".join(event(json.dumps(each)) for each in said) + event("[DONE]") + b"0\r\n\r\n"


class Pacer:
    """Sends to all streams; those that wait at the gate begin together."""

    def __init__(self) -> None:
        self.slots: list[list[Connection]] = [[] for _ in range(SLOTS)]
        self.waiting: list[Connection] = []
        self.begun = 0
        self._busy = asyncio.Event()

    def begin(self, connection: "Connection") -> None:
        """Its first token comes when its turn does."""
        self.slots[self.begun % SLOTS].append(connection)
        self.begun += 1
        self._busy.set()

    def release(self) -> None:
        """Open the gate."""
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            self.begin(connection)

    async def run(self) -> None:
        """For ever; what is late is made up for."""
        while await self._busy.wait():
            began, turn = time.monotonic(), 0
            while any(self.slots):
                turn += 1
                self._send(turn % SLOTS)
                await asyncio.sleep(began + turn * PACE / SLOTS - time.monotonic())
            self._busy.clear()

    def _send(self, slot: int) -> None:
        connections, data = self.slots[slot], token()
        self.slots[slot] = [connection for connection in connections if connection.say(data)]


pacer = Pacer()


class Connection(asyncio.Protocol):
    """A client, one request after the other."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.tokens = self.left = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """A client has come."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, once it is whole."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        found = LENGTH.search(self.buffer, 0, end)
        length = int(found[1]) if found else 0
        if len(self.buffer) >= end + length:
            path, body = bytes(self.buffer).split(b" ", 2)[1], bytes(self.buffer[end : end + length])
            del self.buffer[: end + length]
            self._answer(path, body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if not body:
            if path == b"/release":
                pacer.release()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n%6d" % len(pacer.waiting))
            return
        kind, _, count = json.loads(body)["model"].partition("-")
        self.tokens = self.left = int(count)
        if kind == "gate":
            self.transport.write(HEAD)
            pacer.waiting.append(self)
        elif kind == "burst":
            self.left = 0
            self.transport.write(HEAD + token() * self.tokens + ending(self.tokens))
        else:
            self.transport.write(HEAD)
            if self.say(token()):
                pacer.begin(self)

    def say(self, data: bytes) -> bool:
        """Send a token; False when it was the last one, or nobody listens any more."""
        if self.transport.is_closing():
            return False
        self.left -= 1
        self.transport.write(data if self.left else data + ending(self.tokens))
        return self.left > 0


async def main(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=2_048)
    async with server:
        await pacer.run()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[-1].partition("=")[2])))
