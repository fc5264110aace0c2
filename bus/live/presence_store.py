"""Where presence is kept: in Redis, each process's part of it under its own name, until it expires."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bus.live.protocol import Watcher
from bus.messages import Actor, uuid7

_WRITE = """
local now = tonumber(redis.call('TIME')[1])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(member, 1, #ARGV[1]) == ARGV[1] then redis.call('ZREM', KEYS[1], member) end
end
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1] .. ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
_READ = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(redis.call('TIME')[1]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""


class Store:
    """One per event loop. All methods raise what redis-py does."""

    def __init__(self) -> None:
        self._process = f"{uuid7()} "
        self._redis: Redis | None = None

    async def write(self, parts: Mapping[UUID, Sequence[Watcher]]) -> None:
        """This process's watchers of each session, in place of those it wrote before; in one round trip."""
        async with self._client().pipeline(transaction=False) as pipeline:
            for session, watchers in parts.items():
                members = [f"{watcher.sockets} {watcher.actor}" for watcher in watchers]
                pipeline.eval(_WRITE, 1, _key(session), self._process, str(settings.BUS_PRESENCE_SECONDS), *members)
            await pipeline.execute()

    async def read(self, session: UUID) -> list[Watcher]:
        """All who watch a session, by actor."""
        found: Any = await self._client().eval(_READ, 1, _key(session))
        sums: defaultdict[str, int] = defaultdict(int)
        for member in found:
            _, sockets, actor = member.decode().split(" ", 2)
            sums[actor] += int(sockets)
        return [Watcher(Actor.parse(actor), sockets) for actor, sockets in sorted(sums.items())]

    async def close(self) -> None:
        """Let the connections go."""
        if self._redis is not None:
            with suppress(Exception):
                await self._redis.aclose()
            self._redis = None

    def _client(self) -> Redis:
        if self._redis is None:
            patience = settings.BUS_PUBLISH_TIMEOUT
            self._redis = Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=patience,
                socket_connect_timeout=patience,
                retry=Retry(NoBackoff(), 1),
            )
        return self._redis


def _key(session: UUID) -> str:
    return f"{settings.REDIS_PREFIX}:presence:{session}"
