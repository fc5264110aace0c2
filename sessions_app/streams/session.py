"""The flow of one session: its events from a version on, and the texts that grow in it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from bus.database import in_thread
from bus.exceptions import CannotResume
from bus.live import hub as hubs
from bus.live import sse
from bus.live.frames import Frame
from bus.live.subscription import Subscription
from bus.messages import Actor
from sessions_app import queries
from sessions_app.events import SessionDeleted


class Reader(NamedTuple):
    """Who reads; `who` says whose request it still is."""

    actor: Actor
    who: Callable[[], Awaitable[str | None]]

    async def is_here(self) -> bool:
        """Whether the login has not ended."""
        return await self.who() == str(self.actor)

    async def may_read(self, session: UUID) -> bool:
        """Whether the session is still there for them, too."""
        return await self.is_here() and await in_thread(queries.may_read, self.actor, session)


class SessionFlow(sse.Flow):
    """Events after `after` (a version), those of `topics`, until the session is deleted."""

    ends = frozenset({SessionDeleted.type})

    def __init__(self, reader: Reader, session: UUID, after: int, topics: Sequence[str] = ()) -> None:
        super().__init__(lambda: reader.may_read(session), reader.actor)
        self.after = after
        self._subscription = Subscription(session, _Sink(self), topics=topics, on_drop=self.outbox.close)

    async def open(self) -> None:
        """Join the session. Where the log does not go on from `after`, the reader is told so, and gets what comes."""
        try:
            await hubs.hub().attach(self._subscription, self.after)
        except CannotResume:
            head = await hubs.hub().attach(self._subscription, None)
            self.put(sse.reset(head))  # before its events: nothing was awaited since they could come

    def close(self) -> None:
        """Leave it."""
        hubs.hub().detach(self._subscription)

    def take(self, frame: Frame) -> bool:
        """Queue a frame; False when there is no room."""
        fits = self.put(sse.of_frame(frame))
        if frame.type in self.ends:
            self.end()
        return fits


class _Sink:
    """Puts the subscription's frames into the flow."""

    def __init__(self, flow: SessionFlow) -> None:
        self._flow = flow

    def put(self, frame: Frame) -> bool:
        return self._flow.take(frame)

    async def room(self) -> None:
        await self._flow.outbox.room()

    @property
    def crowded(self) -> bool:
        return self._flow.outbox.crowded
