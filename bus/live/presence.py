"""Who watches a session, over all processes: kept in Redis for a while, best effort, and nothing depends on it.

Each process writes its own watchers and writes them again before they expire; what a dead one left goes by itself.
A change is only a hint to the group of the session: whoever has readers that want to be told reads the sum anew."""

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bus.live import broadcast, frames, protocol
from bus.live.protocol import Watcher
from bus.live.subscription import Subscription
from bus.messages import Actor, Notice, uuid7

logger = logging.getLogger(__name__)

SETTLE = 0.05
"""Seconds in which what changes is written together."""

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


class PresenceChanged(Notice):
    """Who watches a session now; for the subscribers who asked to be told."""

    watchers: list[Watcher]


class _Watch(NamedTuple):
    """A subscription of a socket; `told`: it wants to be told of the others."""

    actor: Actor
    socket: object
    told: bool


class Board:
    """One per hub. All methods run on its loop; `join` and `leave` wait for nobody."""

    def __init__(self) -> None:
        self._here: dict[UUID, dict[Subscription, _Watch]] = {}
        self._unwritten: set[UUID] = set()
        self._unread: set[UUID] = set()
        self._said: dict[UUID, list[Watcher]] = {}
        self._process = f"{uuid7()} "
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._redis: Redis | None = None

    def join(self, subscription: Subscription, actor: Actor, socket: object, *, told: bool) -> None:
        """This socket watches the subscription's session from now on."""
        self._here.setdefault(subscription.stream, {})[subscription] = _Watch(actor, socket, told)
        self._said.pop(subscription.stream, None)
        self._touch(subscription.stream)

    def leave(self, subscription: Subscription) -> None:
        """It does not any more."""
        watches = self._here.get(subscription.stream, {})
        if watches.pop(subscription, None) is not None:
            if not watches:
                del self._here[subscription.stream]
                self._said.pop(subscription.stream, None)
            self._touch(subscription.stream)

    def hint(self, session: UUID) -> None:
        """Somebody came or went, here or elsewhere."""
        if any(watch.told for watch in self._here.get(session, {}).values()):
            self._unread.add(session)
            self._changed.set()

    async def watchers(self, session: UUID) -> protocol.Presence:
        """Who watches, over all processes; null without Redis."""
        try:
            async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                await self._write({session} & self._unwritten)
                return protocol.Presence(watchers=await self._read(session))
        except Exception as error:  # it is for show only
            logger.debug("presence of %s: %r", session, error)
            return protocol.Presence(watchers=None)

    async def close(self) -> None:
        """Stop; what is in Redis expires."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._redis is not None:
            with suppress(Exception):
                await self._redis.aclose()

    def _touch(self, session: UUID) -> None:
        self._unwritten.add(session)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Until nobody watches anything here."""
        while self._here or self._unwritten:
            with suppress(TimeoutError):
                async with asyncio.timeout(settings.BUS_PRESENCE_SECONDS / 3):
                    await self._changed.wait()
            if not self._changed.is_set():  # write again before it expires, look whether others have expired
                self._unwritten |= self._here.keys()
                self._unread |= self._here.keys()
            await asyncio.sleep(SETTLE)
            self._changed.clear()
            try:
                async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                    await self._write(set(self._unwritten))
                    await self._tell()
            except Exception as error:  # Redis is away: nobody is told meanwhile
                logger.debug("presence cannot be written: %r", error)
                self._unwritten.intersection_update(self._here)
                await asyncio.sleep(settings.BUS_PUBLISH_PAUSE)

    async def _write(self, sessions: set[UUID]) -> None:
        if not sessions:
            return
        async with self._client().pipeline(transaction=False) as pipeline:
            for session in sessions:
                members = [f"{watcher.sockets} {watcher.actor}" for watcher in self._local(session)]
                pipeline.eval(_WRITE, 1, _key(session), self._process, str(settings.BUS_PRESENCE_SECONDS), *members)
            await pipeline.execute()
        self._unwritten -= sessions
        hints = [(broadcast.group_of(session), {"type": "bus.presence", "s": str(session)}) for session in sessions]
        broadcast.publisher().tell(hints)

    async def _tell(self) -> None:
        while self._unread:
            session = self._unread.pop()
            told = [made for made, watch in self._here.get(session, {}).items() if watch.told]
            watchers = await self._read(session) if told else []
            if told and self._said.get(session) != watchers:
                self._said[session] = watchers
                frame = frames.of_notice(PresenceChanged(session_id=session, watchers=watchers))
                for subscription in told:
                    subscription.notify(frame)

    async def _read(self, session: UUID) -> list[Watcher]:
        found: Any = await self._client().eval(_READ, 1, _key(session))
        sums: defaultdict[str, int] = defaultdict(int)
        for member in found:
            _, sockets, actor = member.decode().split(" ", 2)
            sums[actor] += int(sockets)
        return [Watcher(Actor.parse(actor), sockets) for actor, sockets in sorted(sums.items())]

    def _local(self, session: UUID) -> list[Watcher]:
        sockets: defaultdict[Actor, set[int]] = defaultdict(set)
        for watch in self._here.get(session, {}).values():
            sockets[watch.actor].add(id(watch.socket))
        return [Watcher(actor, len(each)) for actor, each in sockets.items()]

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
