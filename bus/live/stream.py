"""`bus.subscribe()`: events as an async iterator, of one session, of the whole log, or of this process only."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any
from uuid import UUID

import msgspec

from bus import observe
from bus.exceptions import SubscriberTooSlow
from bus.live import hub as hubs
from bus.live import reader
from bus.live.broadcast import LOG_GROUP
from bus.live.frames import Frame
from bus.live.outbox import Closed, Outbox
from bus.live.subscription import Subscription
from bus.log.horizon import Horizon
from bus.messages import Envelope
from bus.registry import Registry
from bus.topics import Filter, matcher

logger = logging.getLogger(__name__)

Transform = Callable[[Envelope], Any]
MAX_BYTES = 16 * 1024 * 1024


class EventStream:
    """An async iterator of envelopes (or of what `transform` makes of them; None leaves one out).

    Use it as `async for`, as `async with`, or as `stream, close = bus.subscribe(…)`. A reader that lets more than
    `capacity` events wait is dropped: iteration raises SubscriberTooSlow, publishing never waits."""

    def __init__(
        self, topics: Sequence[str], filters: Sequence[Filter], transform: Transform | None, capacity: int
    ) -> None:
        self.topics = tuple(topics)
        self.filters = tuple(filters)
        self.wants = matcher(topics)
        self.outbox: Outbox[Envelope] = Outbox(capacity, MAX_BYTES)
        self._transform = transform
        self._on_close: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End the subscription; iteration stops. May be called more than once."""
        self.outbox.close(Closed("closed"))
        while self._on_close:
            self._on_close.pop()()

    def on_close(self, function: Callable[[], None]) -> None:
        """Call it when the stream is closed or dropped."""
        self._on_close.append(function)

    def offer(self, envelope: Envelope) -> None:
        """Queue an event that is wanted; on the stream's own loop."""
        if not self.accepts(envelope):
            return
        if not self.outbox.put(envelope, len(bytes(envelope.data)) + 64):
            self.drop(SubscriberTooSlow())

    def offer_from_any_thread(self, envelope: Envelope) -> None:
        """The same, from wherever the event was published."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self.offer(envelope)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.offer, envelope)

    def accepts(self, envelope: Envelope) -> bool:
        """Whether topics and filters let the event through."""
        if not self.wants(envelope.type):
            return False
        if not self.filters:
            return True
        values = msgspec.json.decode(msgspec.json.encode(envelope))
        return all(condition.accepts(values) for condition in self.filters)

    def drop(self, reason: Exception) -> None:
        """Give the reader up."""
        if isinstance(reason, SubscriberTooSlow):
            observe.SUBSCRIBERS_DROPPED.inc()
        self.outbox.close(reason)
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self.close))

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                envelope = await self.outbox.get()
            except Closed:
                raise StopAsyncIteration from None
            value = envelope if self._transform is None else self._transform(envelope)
            if value is not None:
                return value

    async def __aenter__(self) -> "EventStream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class StreamSink:
    """The sink of a session subscription that feeds an EventStream; notices have no place in it."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    def put(self, frame: Frame) -> bool:
        """Queue an event's envelope."""
        if frame.version == 0:
            return True
        return self._stream.outbox.put(msgspec.json.decode(frame.body, type=Envelope), frame.size)

    async def room(self) -> None:
        """Wait until half the outbox is free."""
        await self._stream.outbox.room()

    @property
    def crowded(self) -> bool:
        """Whether notices should be left out; here they always are."""
        return True


def follow_session(stream: EventStream, session: UUID, after: int | None) -> None:
    """Feed the stream from one session, from version `after` on."""

    async def attach() -> None:
        try:
            await hubs.hub().attach(subscription, after)
        except Exception as error:  # told to the reader, who is the one who asked
            stream.drop(error)

    subscription = Subscription(
        session, StreamSink(stream), topics=stream.topics, filters=stream.filters, on_drop=stream.drop
    )
    task = asyncio.get_running_loop().create_task(attach())
    stream.on_close(lambda: cancel(task))
    stream.on_close(lambda: hubs.hub().detach(subscription))


def follow_log(stream: EventStream, registry: Registry, after: int | None) -> None:
    """Feed the stream from the whole log, after a position. It is read at the reader's pace, so nobody is slow."""
    task = asyncio.get_running_loop().create_task(_follow_log(stream, registry, after))
    stream.on_close(lambda: cancel(task))


def cancel(task: asyncio.Task[None]) -> None:
    """End a feeding task."""
    task.cancel()


async def _follow_log(stream: EventStream, registry: Registry, after: int | None) -> None:
    hub = hubs.hub()
    await hub.line.join(LOG_GROUP)
    horizon = Horizon(after) if after is not None else None
    with hub.log_hints() as grown:
        while True:
            grown.clear()
            try:
                if horizon is None:
                    horizon = Horizon(await reader.log_head())
                while page := await reader.log_page(registry, horizon, 200):
                    for envelope in page:
                        await stream.outbox.room()
                        stream.offer(envelope)
            except Exception as error:  # the database is away; the position is kept, the poll tries again
                logger.warning("could not read the log: %r", error)
            await grown.wait()
