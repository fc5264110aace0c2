"""Who watches a session, over all processes: kept in Redis for a while, best effort, and nothing depends on it.

Each process writes its own watchers and writes them again before they expire; what a dead one left goes by itself.
A change is only a hint to the group of the session: whoever has readers that want to be told reads the sum anew."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Set
from contextlib import suppress
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from bus.live import broadcast, frames, protocol
from bus.live.presence_store import Store
from bus.live.protocol import Watcher
from bus.live.subscription import Subscription
from bus.messages import Actor, Notice

logger = logging.getLogger(__name__)

SETTLE = 0.05
"""Seconds in which what changes is written together."""
CHUNK = 200
"""Sessions written in one round trip."""


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
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._store = Store()

    def join(self, subscription: Subscription, actor: Actor, socket: object, *, told: bool) -> None:
        """This socket watches the subscription's session from now on."""
        self._here.setdefault(subscription.stream, {})[subscription] = _Watch(actor, socket, told)
        self._touch(subscription.stream)

    def leave(self, subscription: Subscription) -> None:
        """It does not any more."""
        watches = self._here.get(subscription.stream, {})
        if watches.pop(subscription, None) is not None:
            if not watches:
                del self._here[subscription.stream]
            self._touch(subscription.stream)

    def hint(self, session: UUID) -> None:
        """Somebody came or went, here or elsewhere."""
        if self._told(session):
            self._unread.add(session)
            self._changed.set()

    async def watchers(self, session: UUID) -> protocol.Presence:
        """Who watches, over all processes; null without Redis."""
        try:
            async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                await self._write({session} & self._unwritten)
                return protocol.Presence(watchers=await self._store.read(session))
        except Exception as error:  # it is for show only
            logger.debug("presence of %s: %r", session, error)
            return protocol.Presence(watchers=None)

    async def close(self) -> None:
        """Stop; what is in Redis expires."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._store.close()

    def _touch(self, session: UUID) -> None:
        self._said.pop(session, None)
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
            # what is written is written again before it expires; that of others may have expired
            again = set() if self._changed.is_set() else set(self._here)
            await asyncio.sleep(SETTLE)
            self._changed.clear()
            self._unread |= again
            try:
                async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                    await self._write(self._unwritten | again)
                    await self._tell()
            except Exception as error:  # Redis is away: nobody is told meanwhile
                logger.debug("presence cannot be written: %r", error)
                self._unwritten.intersection_update(self._here)
                await asyncio.sleep(settings.BUS_PUBLISH_PAUSE)

    async def _write(self, sessions: Set[UUID]) -> None:
        """Who watches these here; others are told where it has changed."""
        remaining = iter(tuple(sessions))
        while chunk := set(islice(remaining, CHUNK)):
            changed = self._unwritten & chunk
            self._unwritten -= changed  # now: what changes while it is written is written once more
            try:
                await self._store.write({session: self._local(session) for session in chunk})
            except BaseException:
                self._unwritten |= changed
                raise
            hints = [(broadcast.group_of(session), {"type": "bus.presence", "s": str(session)}) for session in changed]
            broadcast.publisher().tell(hints)

    async def _tell(self) -> None:
        while self._unread:
            session = self._unread.pop()
            if not self._told(session):
                continue
            watchers = await self._store.read(session)
            told = self._told(session)  # some may have left meanwhile
            if told and self._said.get(session) != watchers:
                self._said[session] = watchers
                frame = frames.of_notice(PresenceChanged(session_id=session, watchers=watchers))
                for subscription in told:
                    subscription.notify(frame)

    def _told(self, session: UUID) -> list[Subscription]:
        return [made for made, watch in self._here.get(session, {}).items() if watch.told]

    def _local(self, session: UUID) -> list[Watcher]:
        sockets: defaultdict[Actor, set[int]] = defaultdict(set)
        for watch in self._here.get(session, {}).values():
            sockets[watch.actor].add(id(watch.socket))
        return [Watcher(actor, len(each)) for actor, each in sockets.items()]
