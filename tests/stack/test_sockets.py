"""Sockets on a real `serve`: idle ones stay open, deaf ones cost nothing, and a flushed Redis is still heard."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from websockets.asyncio.client import ClientConnection

from bus.live import frames
from bus.live.broadcast import group_of
from bus.live.frames import Frame
from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack
from tests.stack.private_redis import PrivateRedis

IDLE = 7.0
"""Longer than the 5 s after which redis-py 8 gives up a read by itself."""
EVENTS = 20_000
EVENT_BYTES = 5_000
BATCH = 50
GROWTH = 40 * 1024


async def says_and_hears(browser: Browser, session: str, socket: ClientConnection) -> None:
    """A message posted now arrives."""
    said = await asyncio.to_thread(browser.say, session, "hello")
    assert (await receive(socket, 3))["event"]["version"] == said["version"]


def test_an_idle_socket_stays_open_and_then_still_hears(unpolled: Stack) -> None:
    browser = unpolled.login("alice")
    session = browser.new_session()

    async def main() -> None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            # the time is the subject: nothing may arrive in it, least of all a close
            with pytest.raises(TimeoutError):
                await receive(socket, IDLE)
            await says_and_hears(browser, session, socket)

    asyncio.run(main())
    assert not unpolled.webs[0].has_said(b" ERROR "), f"something broke while idle: see {unpolled.webs[0].log}"


def test_sockets_still_hear_after_redis_was_flushed(unpolled: Stack, own_redis: PrivateRedis) -> None:
    browser = unpolled.login("alice")
    session = browser.new_session()

    async def main() -> None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            own_redis.call("FLUSHALL")
            await says_and_hears(browser, session, socket)

    asyncio.run(main())


def resident(pid: int) -> int:
    """The memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


async def push(layer: Any, session: str, first: int) -> None:
    """A batch of events, as a publisher sends them; the log does not have them, so that they cost the test little."""
    stream = UUID(session)
    body = b'{"type":"message-added","version":%d,"data":{"text":"' + b"x" * EVENT_BYTES + b'"}}'
    made = [Frame(stream=stream, type="toy", version=v, body=body % v) for v in range(first, first + BATCH)]
    message = {"type": "bus.frames", "s": session, "f": [frames.pack(frame) for frame in made]}
    await layer.group_send(group_of(stream), message)


def test_a_socket_that_never_reads_costs_no_memory_and_disturbs_nobody(
    unpolled: Stack, own_redis: PrivateRedis
) -> None:
    browser = unpolled.login("alice")
    session = browser.new_session()
    web = unpolled.webs[0].process
    assert web is not None
    path = f"/ws/sessions/{session}/?after=1"
    prefix = unpolled.environment["REDIS_PREFIX"]
    layer = RedisPubSubChannelLayer(hosts=[{"address": own_redis.url, "socket_timeout": 15}], prefix=prefix)

    async def main() -> tuple[list[int], int]:
        got: list[int] = []
        async with socket_to(browser, path) as reader, socket_to(browser, path) as deaf:
            await receive(reader)
            await receive(deaf)
            before, most = resident(web.pid), 0
            for first in range(2, EVENTS + 2, BATCH):
                await push(layer, session, first)
                got += [(await receive(reader))["event"]["version"] for _ in range(BATCH)]
                most = max(most, resident(web.pid) - before)
            await layer.flush()
            deaf.transport.abort()
        return got, most

    got, most = asyncio.run(main())
    assert got == list(range(2, EVENTS + 2))
    assert most < GROWTH, f"the web grew by {most} KiB"
