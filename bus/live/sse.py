"""Server-sent events: how frames are written, and one reader's flow of them. Whoever has the transport runs it.

A flow is to an event stream what a connection is to a socket: a bounded outbox that the hub fills without waiting."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from itertools import chain, repeat

import msgspec
from django.conf import settings

from bus import observe
from bus.exceptions import CannotResume, SubscriberTooSlow, Unauthenticated
from bus.live import hub as hubs
from bus.live.broadcast import CONTROL_GROUP
from bus.live.control import Doubts
from bus.live.frames import Frame
from bus.live.outbox import Outbox
from bus.messages import Actor

logger = logging.getLogger(__name__)

Write = Callable[[bytes], Awaitable[None]]
"""Sends bytes to the reader; waits while it does not read. Raises SubscriberTooSlow when it has waited long enough."""
Still = Callable[[], Awaitable[bool]]
"""Whether who began to read may go on."""


class Over(Exception):
    """The flow has said what it had to say."""


def event(kind: str, data: bytes, ident: int | None = None) -> bytes:
    """One event; `data` is a line of JSON. What has no id is not resumed from."""
    line = b"" if ident is None else b"id: %d\n" % ident
    return b"%sevent: %s\ndata: %s\n\n" % (line, kind.encode(), data)


def of_frame(frame: Frame) -> bytes:
    """An event of a session with its version as its id; a notice without."""
    return event(frame.type, frame.body, frame.version or None)


def reset(head: int) -> bytes:
    """What the reader has is void; events go on after `head`."""
    return event("reset", msgspec.json.encode({"head": head}), head)


def comment(text: str) -> bytes:
    """Something no program reads; keeps proxies from giving an idle stream up."""
    return b": %s\n\n" % text.encode()


class Flow:
    """Subclass it with `open`, which begins to fill `outbox` (and with `close`, which ends that)."""

    def __init__(self, still: Still, actor: Actor) -> None:
        self.still = still
        self.actor = actor
        self.outbox: Outbox[bytes] = Outbox(settings.BUS_SOCKET_ITEMS, settings.BUS_SOCKET_BYTES)

    async def open(self) -> None:
        """Begin to fill the outbox."""
        raise NotImplementedError

    def close(self) -> None:
        """Nobody reads any more."""

    async def gone(self) -> None:
        """The reader went away before the flow was over."""

    def put(self, piece: bytes) -> bool:
        """Queue bytes; False when there is no room."""
        return self.outbox.put(piece, len(piece))

    def end(self) -> None:
        """Nothing comes after what is queued."""
        self.outbox.close(Over(), keep=True)

    async def run(self, write: Write) -> None:
        """Write until it is over. Raises SubscriberTooSlow for a reader who does not read."""
        hub = hubs.hub()
        hub.open_sockets += 1
        hub.connections.add(self._leave)
        watching = asyncio.create_task(self._watch())
        try:
            await write(b"retry: %d\n\n" % (settings.STREAM_RETRY * 1000))
            try:
                await self.open()
                await self._write(write)
            except (Over, SubscriberTooSlow):
                raise
            except Exception as error:  # told to the reader, as far as it is for its ears
                await write(_last_words(error))
        except Over:
            if hub.draining:  # everybody comes back, not at the same moment
                await asyncio.sleep(random.uniform(0, settings.BUS_DRAIN_SPREAD))
        finally:
            watching.cancel()
            hub.connections.discard(self._leave)
            hub.open_sockets -= 1
            self.close()

    async def _write(self, write: Write) -> None:
        """Raises the reason for which the outbox was closed. What is queued before the end of a flow is still written;
        nothing more once it may not go on."""
        pumping = asyncio.create_task(self._pump(write))
        ending = asyncio.create_task(self.outbox.ended.wait())
        try:
            await asyncio.wait((pumping, ending), return_when=asyncio.FIRST_COMPLETED)
            patience = None if isinstance(self.outbox.closed, Over) else settings.BUS_CLOSE_TIMEOUT
            await asyncio.wait((pumping,), timeout=patience)
            if not pumping.done():
                raise SubscriberTooSlow
            await pumping
        except SubscriberTooSlow:
            observe.SUBSCRIBERS_DROPPED.inc()
            raise
        finally:
            pumping.cancel()
            ending.cancel()

    async def _pump(self, write: Write) -> None:
        while True:
            try:
                async with asyncio.timeout(settings.STREAM_HEARTBEAT):
                    piece = await self.outbox.get()
            except TimeoutError:
                piece = comment("still here")
            await write(piece)

    async def _watch(self) -> None:
        await withdrawn(self.actor, self.still)
        self.outbox.close(Unauthenticated("Your login has ended, or what you read is no longer there for you."))

    def _leave(self) -> None:
        self.put(comment("this server is going away; come back"))
        self.end()


async def withdrawn(actor: Actor, still: Still) -> None:
    """Until who reads may not go on; asked at once, since what was withdrawn after the view had looked was told to
    nobody here."""
    hub, doubts = hubs.hub(), Doubts()
    pauses = chain((0.0,), repeat(settings.BUS_REAUTHENTICATE))
    hub.listen(CONTROL_GROUP)
    with hub.control.watching(str(actor), doubts.add):
        await doubts.watch(still, lambda: next(pauses))


def _last_words(error: Exception) -> bytes:
    if isinstance(error, CannotResume):
        return reset(error.extra.get("head", 0))
    if isinstance(error, Unauthenticated):
        return comment(error.detail)
    logger.warning("an event stream ended: %r", error)
    return comment("the log cannot be read right now; come back")
