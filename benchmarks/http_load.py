"""A load generator that costs little: requests made beforehand, answers parsed no further than to their end."""

import asyncio
import time
from typing import Any

import uvloop

from benchmarks.peer import serve


class Failed(Exception):
    """An answer was not what the load should get."""


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise Failed(head.decode())
    length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
    return await reader.readexactly(int(length))


async def _connection(port: int, request: bytes, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    try:
        await _request(reader, writer, request)  # the server's connection to the database, too
        while (started := time.perf_counter()) < until:
            await _request(reader, writer, request)
            took.append(time.perf_counter() - started)
    finally:
        writer.close()
    return took


def load(port: int, requests: list[str], seconds: float) -> dict[str, Any]:
    """One connection per request text, each at it for so many seconds; the seconds that each answer took."""

    async def run() -> list[list[float]]:
        until = time.perf_counter() + seconds
        return await asyncio.gather(*(_connection(port, request.encode(), until) for request in requests))

    started = time.perf_counter()
    took = [each for connection in uvloop.run(run()) for each in connection]
    return {"took": took, "seconds": time.perf_counter() - started}


if __name__ == "__main__":
    serve({"load": load})
