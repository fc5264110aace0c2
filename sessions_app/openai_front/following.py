"""One session, followed from outside of any worker: its events once and in order, and its texts as they grow. Holds no
thread and no database connection; an outage of the database is waited out."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from bus.exceptions import CannotResume
from bus.live import hub as hubs
from bus.live.frames import Frame
from bus.live.outbox import Outbox
from bus.live.subscription import Subscription

logger = logging.getLogger(__name__)

TOPICS = ("run-*", "message-added", "token-metrics-updated", "session-deleted")
ITEMS, BYTES = 256, 1_048_576
PAUSE = 1.0
MOST_PAUSES = 60
"""How often in a row the log may be out of reach."""


class GoingAway(Exception):
    """This server stops; the run goes on elsewhere."""


class OutOfReach(Exception):
    """The log cannot be read."""


class FrameSink:
    """Takes a subscription's frames into an outbox."""

    def __init__(self, outbox: Outbox[Frame]) -> None:
        self._outbox = outbox

    def put(self, frame: Frame) -> bool:
        """Queue a frame."""
        return self._outbox.put(frame, frame.size)

    async def room(self) -> None:
        """Wait until half the outbox is free."""
        await self._outbox.room()

    @property
    def crowded(self) -> bool:
        """Whether deltas should be left out; the next one brings what is missing."""
        return self._outbox.crowded


async def followed(session: UUID, after: int) -> AsyncGenerator[Frame, None]:
    """Each event of the session above `after`, and notices. Raises GoingAway, OutOfReach."""
    pauses = 0
    while pauses <= MOST_PAUSES:
        try:
            async with aclosing(_attached(session, after)) as frames:
                async for frame in frames:
                    after, pauses = max(after, frame.version), 0
                    yield frame
        except GoingAway:
            raise
        except CannotResume:
            break
        except Exception as error:  # too slow a reader, or the database is away: it goes on where it was
            logger.warning("following %s was cut off: %r", session, error)
        pauses += 1
        await asyncio.sleep(PAUSE)
    raise OutOfReach


async def _attached(session: UUID, after: int) -> AsyncGenerator[Frame, None]:
    hub = hubs.hub()
    outbox: Outbox[Frame] = Outbox(ITEMS, BYTES)
    subscription = Subscription(session, FrameSink(outbox), topics=TOPICS, on_drop=outbox.close)

    def leave() -> None:
        outbox.close(GoingAway())

    hub.connections.add(leave)
    hub.open_sockets += 1
    try:
        await hub.attach(subscription, after)
        while True:
            yield await outbox.get()
    finally:
        hub.open_sockets -= 1
        hub.connections.discard(leave)
        hub.detach(subscription)
