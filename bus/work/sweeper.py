"""A thread in every worker process that stands behind the hints: takes up due work nobody took, renews the leases of
what runs here, parks what keeps dying, feeds the durable subscribers. No leader, no schedule, no Redis."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import connections

from bus.log import durable
from bus.work import kinds, lease, retention, runner

PRUNE_SECONDS = 600.0
MOST_FLOWS = 100
"""Flows taken up in one round of the sweeper: setting one going is quick."""

logger = logging.getLogger(__name__)


class Sweeper:
    """Start it once per worker process; `stop` lets the work at hand finish. `interval` and `grace` are in seconds: a
    process that gets no hints and works all the same looks more often, and at once.

    A thread for each of its duties, so that a slow subscriber, or a storage that hangs, delays no renewal and no
    take-up."""

    def __init__(self, interval: float | None = None, grace: float | None = None) -> None:
        interval = settings.BUS_SWEEP_INTERVAL if interval is None else interval
        self._grace = settings.BUS_SWEEP_GRACE if grace is None else grace
        self._stopping = threading.Event()
        self._taking = True
        self._pool = ThreadPoolExecutor(settings.BUS_SWEEP_THREADS, thread_name_prefix="sweep")
        self._taken: set[UUID] = set()
        steps = {
            "sweeper": (self.sweep, interval),
            "renewer": (renew, settings.BUS_RENEW_SECONDS),
            "deliverer": (deliver, settings.BUS_SWEEP_INTERVAL),
            "pruner": (NowAndThen(retention.prune), settings.BUS_SWEEP_INTERVAL),
            "outside pruner": (NowAndThen(retention.prune_outside), settings.BUS_SWEEP_INTERVAL),
        }
        self._threads = [
            threading.Thread(target=self._repeat, args=step, name=name, daemon=True) for name, step in steps.items()
        ]

    def start(self) -> None:
        """Begin sweeping."""
        for thread in self._threads:
            thread.start()

    def stop(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Take up nothing more, but go on renewing while `meanwhile` runs; returns when the steps under way have
        ended."""
        self._taking = False
        meanwhile()
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _repeat(self, step: Callable[[], None], interval: float) -> None:
        pause = interval
        while not self._stopping.wait(pause):
            pause = interval
            try:
                step()
            except Exception as error:  # the database is away; soon again
                logger.warning("%s failed: %r", threading.current_thread().name, error)
                pause = min(interval, settings.BUS_SWEEP_INTERVAL)
            finally:
                connections.close_all()

    def sweep(self) -> None:
        """One round: park what keeps dying, take up what nobody took."""
        while runner.park_one():
            pass
        if not self._taking:
            return
        free = settings.BUS_SWEEP_THREADS - len(self._taken)
        free += sum(min(runner.room(kind), MOST_FLOWS) for kind in kinds.every() if kind.flow is not None)
        for work in lease.due(free, self._grace, runner.takes()) if free > 0 else ():
            if work not in self._taken and work not in runner.active:
                self._taken.add(work)
                self._pool.submit(self._take, work)

    def _take(self, work: UUID) -> None:
        try:
            runner.run(work)
        except Exception as error:  # as in _repeat
            logger.warning("work %s not taken up: %r", work, error)
        finally:
            self._taken.discard(work)


class NowAndThen:
    """A step that is due every PRUNE_SECONDS, and at once where it says that there is more. One that fails is due
    again."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self._step = step
        self._due = 0.0

    def __call__(self) -> None:
        if time.monotonic() >= self._due:
            more = self._step()
            self._due = 0.0 if more else time.monotonic() + PRUNE_SECONDS


def renew() -> None:
    """Renew the leases of what runs here; what was lost is no longer active, which its work notices."""
    mine = tuple(runner.active.values())
    held, _ = lease.renew(mine)
    for lost in mine:
        if lost.id not in held and runner.active.get(lost.id) is lost:
            del runner.active[lost.id]
            runner.stop([lost.id], "lost")


def deliver() -> None:
    """Bring the durable subscribers up to the log."""
    durable.deliver_all(runner.OWNER)


@cache
def sweeper() -> Sweeper:
    """The process's one sweeper."""
    return Sweeper()
