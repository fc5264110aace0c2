"""One session as this process sees it: a contiguous line of events and the texts growing in it, for local readers.

However frames arrive (late, twice, out of order, not at all), readers get versions 1, 2, 3 …: what is missing is read
from the log, once per process rather than once per reader."""

import asyncio
import logging
from uuid import UUID

from bus import observe
from bus.live import reader, tails
from bus.live.frames import Frame
from bus.live.subscription import Subscription
from bus.live.tails import Tail
from bus.registry import Registry

logger = logging.getLogger(__name__)

PAGE = 200
TAIL_RETRY = 0.25
TAIL_TRIES = 20
MAX_EARLY = 1000
ENDED = 2**31
"""Higher than any attempt: nothing more counts."""


class Feed:
    """Use from one event loop only. `head` is the last version handed to live readers."""

    def __init__(self, stream: UUID, registry: Registry) -> None:
        self.stream = stream
        self.registry = registry
        self.head = 0
        self._known = 0
        self.readers: set[Subscription] = set()
        self.tails: dict[UUID, Tail] = {}
        self._early: dict[int, Frame] = {}
        self._healing: asyncio.Task[None] | None = None
        self._mending: asyncio.Task[None] | None = None
        self._attempts: dict[UUID | None, int] = {}

    async def open(self) -> None:
        """Take the present head and tails from the database; call it after the group was joined."""
        heads = await reader.heads([self.stream])
        self.head = max(self.head, heads.get(self.stream, 0))
        await self._load_tails()

    def close(self) -> None:
        """Stop what is running for this feed."""
        for task in (self._healing, self._mending):
            if task is not None:
                task.cancel()

    # -- events --------------------------------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """A frame from the channel layer."""
        if frame.version == 0:
            self._take_notice(frame)
        elif frame.version == self.head + 1 and frame.body:
            self._deliver(frame)
            self._drain()
        elif frame.version > self.head:
            if frame.body and len(self._early) < MAX_EARLY:
                self._early[frame.version] = frame
            self.heal(frame.version)

    def heal(self, known: int) -> None:
        """The log is known to reach `known`: read what is missing below it."""
        self._known = max(self._known, known)
        if self._known > self.head and (self._healing is None or self._healing.done()):
            self._healing = asyncio.create_task(self._heal())

    async def reach(self, version: int) -> None:
        """Read up to `version` if the log has it: a reader may have been told of it before the hint came here."""
        known = (await reader.heads([self.stream])).get(self.stream, 0)
        for _ in range(2):  # a healing under way may have looked too early
            if self.head < version <= known:
                self.heal(known)
                assert self._healing is not None
                await asyncio.shield(self._healing)

    async def _heal(self) -> None:
        try:
            while self.head < self._known:  # it may rise while we read
                page = await reader.page(self.registry, self.stream, self.head, PAGE)
                if not page:
                    self._known = self.head  # the log was cut back; the poll of the heads tells the readers
                    return
                if page[0].version > self.head + 1:
                    self.restart(self._known, LookupError(f"the log does not hold version {self.head + 1}"))
                    return
                observe.HEALED.inc()
                for frame in page:
                    if frame.version == self.head + 1:
                        self._deliver(frame)
                self._drain()
        except Exception as error:  # the database is away; the next poll of the heads tries again
            logger.warning("could not read session %s: %r", self.stream, error)

    def restart(self, head: int, reason: Exception) -> None:
        """The log does not continue what was handed out: begin anew at its head. Every reader is told to come back."""
        self.head = self._known = head
        self._early.clear()
        self.tails.clear()
        for subscription in tuple(self.readers):
            subscription.drop(reason)

    def _drain(self) -> None:
        while (frame := self._early.pop(self.head + 1, None)) is not None:
            self._deliver(frame)
        for version in [version for version in self._early if version <= self.head]:
            del self._early[version]

    def _deliver(self, frame: Frame) -> None:
        self.head = frame.version
        for subscription in tuple(self.readers):
            if subscription.live:
                subscription.offer(frame)
        kind = self.registry.events.get(frame.type)
        if kind is not None and (kind.ends_tail or kind.begins_tail):
            data = frame.decoded()["data"]
            key = UUID(data[kind.ends_tail or kind.begins_tail])
            self.tails.pop(key, None)
            self._attempts[key] = ENDED if kind.ends_tail else data["attempt"]

    # -- notices -------------------------------------------------------------------------------------------------

    def _take_notice(self, frame: Frame) -> None:
        if frame.key is None:
            self._notify(frame)
        elif self._counts(frame):
            tail = self._grow(frame)
            if tail.has_gap and (self._mending is None or self._mending.done()):
                self._mending = asyncio.create_task(self._mend())

    def _counts(self, frame: Frame) -> bool:
        """Whether a delta is of the newest attempt known; one of a newer attempt begins the text anew."""
        known = self._attempts.get(frame.key, 0)
        if frame.attempt > known and frame.key is not None:
            self._attempts[frame.key] = frame.attempt
            self.tails.pop(frame.key, None)
        return frame.attempt >= known

    def _grow(self, frame: Frame) -> Tail:
        assert frame.key is not None
        tail = self.tails.setdefault(frame.key, Tail(frame))
        ready = tail.add(frame)
        if ready is not None:
            self._notify(ready, tail)
        return tail

    def _notify(self, frame: Frame, tail: Tail | None = None) -> None:
        for subscription in tuple(self.readers):
            if subscription.live:
                subscription.notify(frame, tail)

    async def _mend(self) -> None:
        """Deltas were lost on the way: take the text from where it is stored, as soon as it is there."""
        for _ in range(TAIL_TRIES):
            await asyncio.sleep(TAIL_RETRY)
            try:
                await self._load_tails()
            except Exception as error:  # as in _heal
                logger.warning("could not read the tails of session %s: %r", self.stream, error)
            if not any(tail.has_gap for tail in self.tails.values()):
                return

    async def _load_tails(self) -> None:
        for frame in await tails.stored(self.stream):
            if self._counts(frame):
                self._grow(frame)

    def greet(self, subscription: Subscription) -> None:
        """Give a reader that has just become live the texts so far."""
        for tail in self.tails.values():
            whole = tail.whole()
            if whole is not None:
                subscription.notify(whole)
