"""One reader of one session: what it wants, how far it is, where its frames go. Driven by the hub."""

from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

from bus.exceptions import SubscriberTooSlow
from bus.live.frames import Frame
from bus.live.tails import Tail
from bus.topics import Filter, matcher


class Sink(Protocol):
    """Where frames go: an outbox, directly or through a socket's wrapper."""

    def put(self, frame: Frame) -> bool:
        """Queue a frame; False when there is no room."""

    async def room(self) -> None:
        """Wait until a catching-up reader may be given more."""

    @property
    def crowded(self) -> bool:
        """Whether notices should be left out."""


class Subscription:
    """`next` is the version to be delivered next; events below it were delivered or filtered out."""

    def __init__(
        self,
        stream: UUID,
        sink: Sink,
        *,
        topics: Sequence[str] = (),
        filters: Sequence[Filter] = (),
        on_drop: Callable[[Exception], None],
    ) -> None:
        self.stream = stream
        self.sink = sink
        self.wants = matcher(topics)
        self.filters = tuple(filters)
        self.next = 1
        self.live = False
        self.dropped = False
        self._on_drop = on_drop
        self._behind: set[UUID | None] = set()

    def offer(self, frame: Frame) -> None:
        """Deliver the event with version `next`, if it is wanted. A full sink drops this subscriber, nobody else."""
        if frame.version != self.next:
            return  # nobody may make a reader skip or repeat, whatever the hub believes
        self.next = frame.version + 1
        if not self.dropped and self._accepts(frame) and not self.sink.put(frame):
            self.drop(SubscriberTooSlow())

    def notify(self, frame: Frame, tail: Tail | None = None) -> None:
        """Deliver a notice, or leave it out where there is little room. A reader who missed a delta gets the whole
        text with the next one, so that what it assembles has no hole."""
        if self.dropped or not self._accepts(frame):
            return
        if tail is not None and frame.key in self._behind:
            frame = tail.whole() or frame
        if not self.sink.crowded and self.sink.put(frame):
            self._behind.discard(frame.key)
        elif frame.key is not None:
            self._behind.add(frame.key)

    def tell(self, frame: Frame) -> None:
        """Deliver a notice that nothing else makes good: it is left out for nobody, and waits for no backlog."""
        if not self.dropped and self._accepts(frame) and not self.sink.put(frame):
            self.drop(SubscriberTooSlow())

    def drop(self, reason: Exception) -> None:
        """Give this subscriber up and tell it why."""
        if not self.dropped:
            self.dropped = True
            self._on_drop(reason)

    def _accepts(self, frame: Frame) -> bool:
        if not self.wants(frame.type):
            return False
        if not self.filters:
            return True
        values = frame.decoded()
        return all(condition.accepts(values) for condition in self.filters)
