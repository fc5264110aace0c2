"""The floor of d: a bare ASGI application that hands what Redis publishes to the sockets of that channel."""

import asyncio
import os
from typing import Any

import redis.asyncio as redis

client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
subscription: Any = client.pubsub()
sockets: dict[str, set[Any]] = {}
listening: list[asyncio.Task[None]] = []


async def listen() -> None:
    """Every message to every socket of its channel."""
    async for message in subscription.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for send in tuple(sockets.get(message["channel"].decode(), ())):
                await send({"type": "websocket.send", "text": text})


async def join(channel: str, send: Any) -> None:
    """The first socket of a channel subscribes to it."""
    first = channel not in sockets
    sockets.setdefault(channel, set()).add(send)
    if first:
        await subscription.subscribe(channel)
        if not listening:  # not before: redis-py ends a listener that has no subscription
            listening.append(asyncio.create_task(listen()))


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A socket at /ws/sessions/{channel}/, and 200 for everything else."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        channel = scope["path"].split("/")[3]
        await join(channel, send)
        await send({"type": "websocket.send", "text": '{"id":null,"result":{}}'})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sockets[channel].discard(send)
