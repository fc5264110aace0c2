"""Wake-up calls for the workers, through Celery: sent by one thread from a bounded queue, because a frozen broker
would block the caller without limit. Lost hints cost a second or two: the sweepers look into the database."""

import logging
import queue
import threading
import time
from functools import cache
from typing import Any

from celery import current_app
from django.conf import settings

from bus import observe

logger = logging.getLogger(__name__)

DELIVER = "bus.deliver"


class Hinter:
    """Takes (task name, arguments) from any thread and never waits."""

    def __init__(self, capacity: int, deliver_interval: float = 0.0) -> None:
        self._queue: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue(capacity)
        self._deliver_pending = threading.Event()
        self._deliver_interval = deliver_interval
        self._deliver_at = 0.0
        threading.Thread(target=self._send_all, name="work-hints", daemon=True).start()

    def send(self, task: str, *arguments: str) -> None:
        """Queue a hint; dropped when the queue is full."""
        try:
            self._queue.put_nowait((task, arguments))
        except queue.Full:
            observe.HINTS_DROPPED.inc()

    def deliver(self) -> None:
        """Hint that the log has grown. Many calls make one message, and messages keep an interval: a round of
        deliveries takes all there is."""
        if not self._deliver_pending.is_set():
            self._deliver_pending.set()
            self.send(DELIVER)

    def _send_all(self) -> None:
        while True:
            try:
                task, arguments = self._queue.get(timeout=self._until_due())
            except queue.Empty:
                task = DELIVER
            if task != DELIVER:
                self._send(task, arguments)
            if self._until_due() == 0:
                self._deliver_at = time.monotonic() + self._deliver_interval
                self._deliver_pending.clear()
                self._send(DELIVER, ())

    def _until_due(self) -> float | None:
        """Seconds until the next message about the log; None: nobody asked for one."""
        return max(0.0, self._deliver_at - time.monotonic()) if self._deliver_pending.is_set() else None

    def _send(self, task: str, arguments: tuple[Any, ...]) -> None:
        try:
            current_app.send_task(task, args=arguments, ignore_result=True, retry=False)
        except Exception as error:  # the broker is only a hint
            observe.HINTS_DROPPED.inc()
            logger.warning("hint %s not sent, a sweeper will find the work: %r", task, error)


@cache
def hinter() -> Hinter:
    """The process's one hinter."""
    return Hinter(settings.BUS_HINT_QUEUE, settings.BUS_DELIVER_INTERVAL)
