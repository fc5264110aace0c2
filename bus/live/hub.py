"""One per event loop, so one per process: feeds for the sessions somebody here reads, joined to their groups.

Sockets, SSE and `bus.subscribe()` attach their subscriptions here. Behind every hint stands the poll of the heads."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings

from bus import observe, registry
from bus.exceptions import CannotResume, Invalid
from bus.live import frames, reader
from bus.live.broadcast import CONTROL_GROUP, LOG_GROUP, group_of
from bus.live.control import Control
from bus.live.feed import PAGE, Feed
from bus.live.limits import Seats
from bus.live.line import Line
from bus.live.presence import Board
from bus.live.subscription import Subscription

logger = logging.getLogger(__name__)


class Hub:
    """Get it with `hub()`. All methods run on the hub's own loop."""

    def __init__(self, table: registry.Registry) -> None:
        self.registry = table
        self.feeds: dict[UUID, Feed] = {}
        self.line = Line(self._on_message, self._on_joined)
        self.draining = False
        self.open_sockets = 0
        self.connections: set[Callable[[], None]] = set()
        self.control = Control()
        self.seats = Seats()
        self.presence = Board()
        self._log_readers: set[asyncio.Event] = set()
        self._opening: dict[UUID, asyncio.Task[Feed]] = {}
        self._waiting: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._catching_up: dict[Subscription, asyncio.Task[None]] = {}
        self.spawn(self._poll())

    async def attach(self, subscription: Subscription, after: int | None) -> int:
        """Join, then read the backlog above `after` (None: only what comes), then live. Returns the head.

        Raises CannotResume when the log does not go on from there: the reader knows more than it, or it was pruned."""
        feed = await self._feed(subscription.stream)
        feed.readers.add(subscription)  # not live yet, but it keeps the feed: nothing was awaited since it was found
        observe.SUBSCRIPTIONS.inc()
        try:
            if after is not None:
                await self._check(feed, after)
        except BaseException:
            self.detach(subscription)
            raise
        subscription.next = (feed.head if after is None else after) + 1
        self._catching_up[subscription] = self.spawn(self._catch_up(feed, subscription))
        return feed.head

    async def _check(self, feed: Feed, after: int) -> None:
        """Whether a reader can go on after this version without missing anything."""
        if after < 0:
            raise Invalid(f"'after' is {after}; it is a version, or 0.", head=feed.head)
        if after > feed.head:
            await feed.reach(after)
        if after > feed.head:
            raise CannotResume(f"'after' is {after}, but the session is at version {feed.head}.", head=feed.head)
        if after < feed.head and not await reader.holds(feed.stream, after + 1):
            raise CannotResume(f"The log no longer holds version {after + 1}.", head=feed.head)

    def detach(self, subscription: Subscription) -> None:
        """Forget a subscription; leaves the group when it was the session's last one here."""
        feed = self.feeds.get(subscription.stream)
        if feed is None or subscription not in feed.readers:
            return
        feed.readers.discard(subscription)
        observe.SUBSCRIPTIONS.dec()
        task = self._catching_up.pop(subscription, None)
        if task is not None:
            task.cancel()
        self._leave_if_unused(feed)

    def listen(self, group: str) -> None:
        """Join a group that is never left, without waiting for it."""
        if group not in self.line.wanted:
            self.spawn(self.line.join(group))

    def drain(self) -> None:
        """The server is going away: refuse newcomers and tell every connection to come back elsewhere."""
        self.draining = True
        for leave in tuple(self.connections):
            leave()

    async def close(self) -> None:
        """End everything on this loop; for servers that stop and for tests."""
        for feed in self.feeds.values():
            feed.close()
        self.feeds.clear()
        self.line.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.presence.close()
        await reader.close()

    async def _catch_up(self, feed: Feed, subscription: Subscription) -> None:
        try:
            while subscription.next <= feed.head and not subscription.dropped:
                page = await reader.page(self.registry, feed.stream, subscription.next - 1, PAGE)
                if not page or page[0].version > subscription.next:
                    raise LookupError(f"the log does not hold version {subscription.next}")
                for frame in page:
                    await subscription.sink.room()
                    if frame.version > feed.head:
                        break  # read before its turn; the next page has it
                    subscription.offer(frame)
            # nothing is awaited between the last comparison and this line, so no frame can slip through
            subscription.live = True
            feed.greet(subscription)
        except Exception as error:  # the database is away: the reader comes back with its last version
            logger.warning("catching up in %s failed: %r", feed.stream, error)
            subscription.drop(error)
        finally:
            self._catching_up.pop(subscription, None)

    async def _feed(self, stream: UUID) -> Feed:
        """The session's feed, opened where there is none. While somebody waits for it, it is not closed."""
        if stream in self.feeds and stream not in self._opening:
            return self.feeds[stream]
        if stream not in self._opening:
            self._opening[stream] = self.spawn(self._open(stream))
        self._waiting[stream] += 1
        try:
            feed: Feed = await asyncio.shield(self._opening[stream])
        except BaseException:  # the opening failed, or this one gave up: the others may go on waiting
            self._done_waiting(stream)
            if stream in self.feeds:
                self._leave_if_unused(self.feeds[stream])
            raise
        self._done_waiting(stream)
        return feed

    def _done_waiting(self, stream: UUID) -> None:
        self._waiting[stream] -= 1
        if not self._waiting[stream]:
            del self._waiting[stream]

    async def _open(self, stream: UUID) -> Feed:
        """Join the group, then read the head: what is recorded in between arrives by both ways, or by the poll."""
        feed = self.feeds[stream] = Feed(stream, self.registry)
        try:
            await self.line.join(group_of(stream))
            await feed.open()
        except BaseException:
            self.feeds.pop(stream, None)
            self.spawn(self.line.leave(group_of(stream)))
            raise
        finally:
            self._opening.pop(stream, None)
        self._leave_if_unused(feed)  # everybody who waited may have left meanwhile
        return feed

    def _leave_if_unused(self, feed: Feed) -> None:
        wanted = feed.readers or feed.stream in self._opening or feed.stream in self._waiting
        if not wanted and self.feeds.get(feed.stream) is feed:
            del self.feeds[feed.stream]
            feed.close()
            self.spawn(self.line.leave(group_of(feed.stream)))

    def _on_joined(self, group: str) -> None:
        if group == CONTROL_GROUP:  # what was said before we listened was not heard
            self.control.doubt_everybody()

    def _on_message(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "bus.log":
                self._log_changed()
            case "bus.access":
                self.control.doubt(message["a"])
            case "bus.presence":
                self.presence.hint(UUID(message["s"]))
            case _:
                self._take_frames(UUID(message["s"]), message["f"])

    def _take_frames(self, stream: UUID, packed: list[dict[str, Any]]) -> None:
        feed = self.feeds.get(stream)
        if feed is not None:
            for one in packed:
                feed.take(frames.unpack(stream, one))

    @contextmanager
    def log_hints(self) -> Iterator[asyncio.Event]:
        """An event of one's own (each clears it before looking) that is set whenever the log may have grown."""
        grown = asyncio.Event()
        self._log_readers.add(grown)
        try:
            yield grown
        finally:
            self._log_readers.discard(grown)

    def _log_changed(self) -> None:
        for grown in self._log_readers:
            grown.set()

    async def _poll(self) -> None:
        """Once per interval: are the feeds as far as the log, and is the line where it should be?"""
        while True:
            await asyncio.sleep(settings.BUS_POLL_INTERVAL)
            self._log_changed()
            try:
                if self.feeds:
                    await self._compare()
            except Exception as error:  # the database is away; sockets stay, the next round tries again
                logger.warning("could not poll the heads: %r", error)
            self.spawn(self.line.repair())

    async def _compare(self) -> None:
        """Read what is missing; a log behind what it had before we asked was restored from an older copy."""
        heard = {stream: feed.head for stream, feed in self.feeds.items()}
        heads = await reader.heads(tuple(heard))
        for stream in heard.keys() & self.feeds.keys():
            head = heads.get(stream, 0)
            if head >= heard[stream]:
                self.feeds[stream].heal(head)
            else:
                logger.error("the log of %s went back from version %s to %s", stream, heard[stream], head)
                self.feeds[stream].restart(head, CannotResume(head=head))

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it until it ends, or the hub does."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running loop, made on first use."""
    loop = asyncio.get_running_loop()
    existing = _hubs.get(loop)
    if existing is None:
        existing = _hubs[loop] = Hub(registry.default)
    return existing


def existing_hub() -> Hub | None:
    """The hub of the running loop, if anybody has used it."""
    return _hubs.get(asyncio.get_running_loop())


__all__ = ["LOG_GROUP", "Hub", "existing_hub", "hub"]
