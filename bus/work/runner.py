"""Runs one piece of work: claim, do, finish; a failure is retried with growing delays, then parked and reported."""

import logging
import os
import socket
from collections.abc import Callable
from uuid import UUID

from django.db import connections, transaction

from bus import observe
from bus.exceptions import BusError, LeaseLost, Refused
from bus.work import kinds, lease
from bus.work.lease import Lease

logger = logging.getLogger(__name__)

OWNER = f"{socket.gethostname()}:{os.getpid()}"

active: dict[UUID, Lease] = {}
"""What this process works on now; the sweeper renews these leases."""


def run(work: UUID) -> bool:
    """Claim and do a piece of work; False when there was nothing to claim. Never raises for the work's own failure."""
    try:
        held = lease.claim(work, OWNER)
        if held is None:
            return False
        active[held.id] = held
        try:
            with observe.span(f"{held.kind} {held.name}", parent=held.traceparent):
                kinds.named(held.kind).run(held)
            observe.WORK.labels(held.kind, "done").inc()
        except LeaseLost:
            logger.warning("%s %s was taken over; nothing more is written for it here", held.kind, held.id)
        except Exception as error:  # the outermost edge of a task: recorded, then retried or given up
            settle(held, error)
        finally:
            active.pop(held.id, None)
        return True
    finally:
        connections.close_all()


def settle(held: Lease, error: Exception) -> None:
    """What becomes of work that raised: refused for good, tried again later, or parked."""
    problem = error.as_problem() if isinstance(error, BusError) else {"code": "internal-error", "detail": repr(error)}
    try:
        if isinstance(error, Refused):
            observe.WORK.labels(held.kind, "failed").inc()
            with transaction.atomic():
                lease.finish(held, "failed", error=problem)
                _tell(kinds.named(held.kind).refused, held, problem["detail"])
        elif held.last_attempt:
            logger.error("%s %s parked after %d attempts", held.kind, held.id, held.attempts, exc_info=error)
            with transaction.atomic():
                lease.finish(held, "parked", error=problem)
                report(held, problem["detail"])
        else:
            logger.warning("%s %s failed, trying again: %r", held.kind, held.id, error)
            lease.release(held, delay=2.0**held.attempts, error=problem)
    except LeaseLost:
        logger.warning("%s %s was taken over while failing", held.kind, held.id)


def park_one() -> bool:
    """Park and report one piece of work whose worker died for the last time; False when there is none."""
    with transaction.atomic():
        exhausted = lease.park_exhausted()
        if exhausted is not None:
            report(exhausted, f"its worker died {exhausted.attempts} times")
    return exhausted is not None


def report(held: Lease, detail: str) -> None:
    """Count parked work and tell its kind, which records it where people look. It stays parked if that fails."""
    observe.WORK.labels(held.kind, "parked").inc()
    _tell(kinds.named(held.kind).parked, held, detail)


def _tell(function: Callable[[Lease, str], None], held: Lease, detail: str) -> None:
    try:
        with transaction.atomic():
            function(held, detail)
    except Exception:  # one that cannot be reported must not keep the others from being taken up
        logger.exception("the end of %s %s could not be reported", held.kind, held.id)
