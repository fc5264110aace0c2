"""The flow of all that a user's sessions record, by position in the whole log; and pages of it."""

import asyncio
import logging
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from django.db.models import TextField
from django.db.models.functions import Cast

from bus.bus import bus
from bus.database import in_thread
from bus.live import hub as hubs
from bus.live import reader as log_reader
from bus.live import sse
from bus.live.broadcast import LOG_GROUP
from bus.log import codec, settled
from bus.messages import Actor, Envelope
from bus.models import StoredEvent
from bus.topics import matcher
from sessions_app import queries
from sessions_app.streams.session import Reader

logger = logging.getLogger(__name__)

PAGE = 50
"""Events that are read for a stream at a time."""


def page_of(actor: Actor, after: int, upto: int, limit: int) -> list[Envelope]:
    """What the sessions of the actor have recorded in (after, upto], oldest first: one query."""
    theirs = StoredEvent.objects.filter(
        stream__in=queries.own_of(actor).values("id"), position__gt=after, position__lte=upto
    )
    rows = theirs.order_by("position").values_list(
        *("id", "stream", "version", "position", "type", "schema", Cast("data", TextField())),
        *("actor", "causation", "correlation", "recorded_at"),
    )
    return [codec.envelope_from_row(row, bus.registry) for row in rows[:limit]]


class LogFlow(sse.Flow):
    """Events after `after` (a position), those of `topics`; it has no end. What the sessions have grown to in the
    meantime is asked page by page: what is no longer the user's is no longer read."""

    def __init__(self, reader: Reader, after: int, topics: Sequence[str] = ()) -> None:
        super().__init__(reader.is_here, reader.actor)
        self._at = after
        self._wants = matcher(topics)
        self._moved = asyncio.Event()
        self._feeding: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read from there on, at the reader's own pace."""
        self._feeding = asyncio.create_task(self._feed())

    def close(self) -> None:
        """Stop reading."""
        tide().leave(self._moved)
        if self._feeding is not None:
            self._feeding.cancel()

    async def _feed(self) -> None:
        try:
            await tide().join(self._moved)
            head = await log_reader.log_head()
            if self._at > head:  # above what is settled one only waits: another process may have known it earlier
                self.put(sse.reset(head))
                self._at = head
            while True:
                self._moved.clear()
                await self._read(tide().position)
                await self._moved.wait()
        except Exception as error:  # told to the reader, who comes back with the last position
            self.outbox.close(error)

    async def _read(self, upto: int) -> None:
        while self._at < upto:
            page = await in_thread(page_of, self.actor, self._at, upto, PAGE)
            for event in page:
                if self._wants(event.type):
                    await self.outbox.room()
                    self.put(sse.event(event.type, codec.encode(event), event.position))
            self._at = page[-1].position if len(page) == PAGE else upto


class Tide:
    """How far the log is settled, asked once for all flows of this loop whenever something was recorded."""

    def __init__(self) -> None:
        self.position = 0
        self._joined: set[asyncio.Event] = set()
        self._rising: asyncio.Task[None] | None = None

    async def join(self, moved: asyncio.Event) -> None:
        """Look how far it is; from then on `moved` is set whenever that was looked at again."""
        await hubs.hub().line.join(LOG_GROUP)
        self.position = await in_thread(settled.position)
        self._joined.add(moved)
        if self._rising is None:
            self._rising = asyncio.create_task(self._rise())

    def leave(self, moved: asyncio.Event) -> None:
        """Nobody waits for that any more."""
        self._joined.discard(moved)
        if not self._joined and self._rising is not None:
            self._rising.cancel()
            self._rising = None

    async def _rise(self) -> None:
        with hubs.hub().log_hints() as grown:
            while True:
                grown.clear()
                try:
                    self.position = await in_thread(settled.position)
                except Exception as error:  # the database is away; the poll of the heads asks again
                    logger.warning("could not look how far the log is: %r", error)
                for moved in self._joined:
                    moved.set()
                await grown.wait()


_tides: WeakKeyDictionary[asyncio.AbstractEventLoop, Tide] = WeakKeyDictionary()


def tide() -> Tide:
    """The running loop's."""
    return _tides.setdefault(asyncio.get_running_loop(), Tide())
