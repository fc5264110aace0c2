"""A thread in every worker process that stands behind the hints: takes up due work nobody took, renews the leases of
what runs here, parks what keeps dying, feeds the durable subscribers. No leader, no schedule, no Redis."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import connections

from bus.log import durable
from bus.work import lease, retention, runner

PRUNE_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Sweeper:
    """Start it once per worker process; `stop` lets the work at hand finish."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(settings.BUS_SWEEP_THREADS, thread_name_prefix="sweep")
        self._taken: set[UUID] = set()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._renewed = time.monotonic()
        self._pruned = 0.0

    def start(self) -> None:
        """Begin sweeping."""
        self._thread.start()

    def stop(self) -> None:
        """Take up nothing more; returns when the sweep under way has ended."""
        self._stopping.set()
        self._thread.join(timeout=10)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping.wait(settings.BUS_SWEEP_INTERVAL):
            try:
                self.sweep()
            except Exception as error:  # the database is away; the next round tries again
                logger.warning("sweep failed: %r", error)
            finally:
                connections.close_all()

    def sweep(self) -> None:
        """One round."""
        if time.monotonic() - self._renewed >= settings.BUS_RENEW_SECONDS:
            self._renewed = time.monotonic()
            lease.renew(tuple(runner.active.values()))
        while runner.park_one():
            pass
        if time.monotonic() - self._pruned >= PRUNE_SECONDS:
            self._pruned = time.monotonic()
            retention.prune()
        free = settings.BUS_SWEEP_THREADS - len(self._taken)
        for work in lease.due(free, settings.BUS_SWEEP_GRACE) if free > 0 else ():
            if work not in self._taken and work not in runner.active:
                self._taken.add(work)
                self._pool.submit(self._take, work)
        durable.deliver_all(runner.OWNER)

    def _take(self, work: UUID) -> None:
        try:
            runner.run(work)
        except Exception as error:  # as in _run
            logger.warning("work %s not taken up: %r", work, error)
        finally:
            self._taken.discard(work)


@cache
def sweeper() -> Sweeper:
    """The process's one sweeper."""
    return Sweeper()
