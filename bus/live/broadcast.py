"""From a commit to the channel layer: one sender on the process loop, one bounded queue, commit order per session.

The only file that sends to groups. Dropping is allowed here: a frame is a hint, the log is the truth."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Any
from uuid import UUID

from channels.layers import get_channel_layer
from django.conf import settings

from bus import observe
from bus.live import frames
from bus.live.frames import Frame
from bus.loop import process_loop
from bus.messages import Envelope, Notice

logger = logging.getLogger(__name__)

Hint = tuple[str, dict[str, Any]]
"""A group, and what it is to hear."""

LOG_GROUP = "log"
"""Hears that something was recorded, whatever the session; followers of the whole log then read it."""

CONTROL_GROUP = "control"
"""Hears whose rights have become fewer; every process with something open that belongs to somebody."""


def group_of(stream: UUID) -> str:
    """The channel group of a session."""
    return f"session.{stream}"


class Publisher:
    """Takes frames from any thread, never waits for Redis in the caller, sends in order, drops when it must."""

    def __init__(self, capacity: int) -> None:
        self._queue: deque[Frame] = deque()
        self._hints: deque[Hint] = deque(maxlen=capacity)
        self._capacity = capacity
        self._lock = threading.Lock()
        self._sending = False
        self._down_until = 0.0
        self._log_hint: asyncio.Task[None] | None = None

    def publish(self, batch: list[Frame]) -> None:
        """Queue frames of one session. Over capacity, or while Redis is known to be down, they are dropped."""
        with self._lock:
            if len(self._queue) + len(batch) > self._capacity:
                observe.FRAMES_DROPPED.labels("queue full").inc(len(batch))
                return
            self._queue.extend(batch)
            start, self._sending = not self._sending, True
        observe.FRAMES.inc(len(batch))
        self._begin(start)

    def tell(self, hints: Iterable[Hint]) -> None:
        """Queue messages to groups that are no frames of a session. Where they are lost, polls stand behind them."""
        with self._lock:
            self._hints.extend(hints)
            start, self._sending = not self._sending, True
        self._begin(start)

    def _begin(self, start: bool) -> None:
        if start:
            loop = process_loop()
            loop.call_soon_threadsafe(lambda: loop.create_task(self._send_all()))

    def _take(self) -> tuple[list[Frame], list[Hint]]:
        with self._lock:
            taken, hints = list(self._queue), list(self._hints)
            self._queue.clear()
            self._hints.clear()
            self._sending = bool(taken or hints)
        return taken, hints

    async def _send_all(self) -> None:
        while any(queued := self._take()):
            taken, hints = queued
            if time.monotonic() < self._down_until:
                observe.FRAMES_DROPPED.labels("redis down").inc(len(taken))
                continue
            try:
                async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                    await self._send(taken, hints)
            except Exception as error:  # Redis is only a hint: whatever it says, the log has the events
                self._down_until = time.monotonic() + settings.BUS_PUBLISH_PAUSE
                observe.FRAMES_DROPPED.labels("redis down").inc(len(taken))
                logger.warning("frames not sent, readers will poll: %r", error)
            await asyncio.sleep(settings.BUS_PUBLISH_INTERVAL)  # what comes meanwhile goes out together

    async def _send(self, taken: list[Frame], hints: list[Hint]) -> None:
        layer = get_channel_layer()
        groups: dict[UUID, list[dict[str, Any]]] = {}
        for frame in taken:
            groups.setdefault(frame.stream, []).append(frames.pack(frame))
        of_sessions = (
            (group_of(stream), {"type": "bus.frames", "s": str(stream), "f": packed})
            for stream, packed in groups.items()
        )
        await layer.send_to_groups(chain(hints, of_sessions))
        if self._log_hint is None and any(frame.version for frame in taken):
            self._log_hint = asyncio.create_task(self._hint_log())

    async def _hint_log(self) -> None:
        """One hint for all that is recorded meanwhile: whoever follows the whole log reads it in pages anyway."""
        await asyncio.sleep(settings.BUS_LOG_HINT_INTERVAL)
        self._log_hint = None
        with suppress(Exception):  # they poll, too
            async with asyncio.timeout(settings.BUS_PUBLISH_TIMEOUT):
                await get_channel_layer().group_send(LOG_GROUP, {"type": "bus.log"})


_publisher: Publisher | None = None


def publisher() -> Publisher:
    """The process's one publisher."""
    global _publisher
    if _publisher is None:
        _publisher = Publisher(settings.BUS_PUBLISH_QUEUE)
    return _publisher


def on_events_recorded(*, envelopes: list[Envelope], **_: object) -> None:
    """Receiver of `events_recorded`."""
    publisher().publish([frames.of_event(envelope) for envelope in envelopes])


def on_notice_told(*, notice: Notice, **_: object) -> None:
    """Receiver of `notice_told`."""
    frame = frames.of_notice(notice)
    if len(frame.body) > frames.MAX_BODY:  # unlike an event it cannot be read from the log
        observe.FRAMES_DROPPED.labels("notice too large").inc()
        return
    publisher().publish([frame])


def on_access_changed(*, actor: str, **_: object) -> None:
    """Receiver of `access_changed`."""
    publisher().tell([(CONTROL_GROUP, {"type": "bus.access", "a": actor})])
