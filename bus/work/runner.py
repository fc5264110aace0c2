"""Runs one piece of work: claim, do, finish; a failure is retried with growing delays, then parked and reported.

Work that mostly waits (a `flow`) holds no thread: it goes on on the process loop, and is told there when to stop."""

import asyncio
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal
from uuid import UUID

from django.db import OperationalError, connections, transaction

from bus import observe
from bus.database import in_thread
from bus.exceptions import BusError, LeaseLost, Refused
from bus.loop import process_loop, submit
from bus.registry import default
from bus.work import kinds, lease
from bus.work.kinds import Kind
from bus.work.lease import Lease, Takes

logger = logging.getLogger(__name__)

INTERNAL = "Something failed in the server"
"""What users are told of an exception: its text may name hosts, files or data. Operators find it with the work."""
OWNER = f"{socket.gethostname()}:{os.getpid()}"

Stop = Literal["lost", "cancelled", "shutdown"]
"""Why a flow is stopped: another worker has it, somebody cancelled it, this process ends."""

active: dict[UUID, Lease] = {}
"""What this process works on now; the sweeper renews these leases."""
flows: dict[UUID, "asyncio.Task[None]"] = {}
"""Those of them that are flows; changed on the process loop only."""


def room(kind: Kind) -> int:
    """How many more flows of a kind this process takes."""
    return kind.room() - Counter(held.kind for held in tuple(active.values()))[kind.name]


def takes() -> Takes:
    """What this process takes up now. What it does not know is a newer version's to do."""
    return Takes([kind.name for kind in kinds.every() if room(kind) > 0], [*default.commands])


def run(work: UUID) -> bool:
    """Claim a piece of work and do it, or set it going; False when there was nothing to claim. Never raises for the
    work's own failure."""
    try:
        held = lease.claim(work, OWNER, takes())
        if held is None:
            return False
        active[held.id] = held
        kind = kinds.named(held.kind)
        if kind.flow is not None:
            submit(_flow(kind, held))
            return True
        try:
            with observe.span(f"{held.kind} {held.name}", parent=held.traceparent):
                assert kind.run is not None
                kind.run(held)
            observe.WORK.labels(held.kind, "done").inc()
        except LeaseLost:
            _lost(held)
        except Exception as error:  # the outermost edge of a task: recorded, then retried or given up
            settle(held, error)
        finally:
            active.pop(held.id, None)
        return True
    finally:
        connections.close_all()


async def _flow(kind: Kind, held: Lease) -> None:
    """The outermost edge of a flow."""
    assert kind.flow is not None
    if (outdated := flows.get(held.id)) is not None:  # this process slept past its lease, and has it again
        outdated.cancel("lost")
        await asyncio.wait([outdated])
    with observe.span(f"{held.kind} {held.name}", parent=held.traceparent):  # what the task does is part of it
        task = flows[held.id] = asyncio.ensure_future(kind.flow(held))
    try:
        await task
        observe.WORK.labels(held.kind, "done").inc()
    except LeaseLost:
        _lost(held)
    except asyncio.CancelledError:  # its kind had nothing to say to the stop
        logger.warning("%s %s was stopped", held.kind, held.id)
    except Exception as error:  # recorded, then retried or given up
        await in_thread(settle, held, error)
    finally:
        if flows.get(held.id) is task:
            del flows[held.id]
        if active.get(held.id) is held:
            del active[held.id]


def _lost(held: Lease) -> None:
    logger.warning("%s %s was taken over; nothing more is written for it here", held.kind, held.id)


def stop(works: list[UUID], why: Stop) -> None:
    """Tell flows to stop: each gets a CancelledError whose argument is `why`. From any thread."""
    process_loop().call_soon_threadsafe(_stop, works, why)


def _stop(works: list[UUID], why: Stop) -> None:
    for work in works:
        if work in flows:
            flows[work].cancel(why)


def drain(patience: float, after: float) -> None:
    """Let the flows end by themselves for `patience` seconds, then stop them and wait `after` seconds more."""
    for wanted, tell in ((patience, True), (after, False)):
        deadline = time.monotonic() + wanted
        while flows and time.monotonic() < deadline:
            time.sleep(0.05)
        if tell and flows:
            logger.warning("handing %d pieces of work back", len(flows))
            stop(list(flows), "shutdown")


def settle(held: Lease, error: Exception) -> None:
    """What becomes of work that raised: refused for good, tried again later, or parked."""
    problem = error.as_problem() if isinstance(error, BusError) else {"code": "internal-error", "detail": repr(error)}
    said = problem["detail"] if isinstance(error, BusError) else f"{INTERNAL} ({type(error).__name__})"
    try:
        if isinstance(error, Refused):
            observe.WORK.labels(held.kind, "failed").inc()
            with transaction.atomic():
                lease.finish(held, "failed", error=problem)
                _tell(kinds.named(held.kind).refused, held, said)
        elif held.last_attempt:
            logger.error("%s %s parked after %d attempts", held.kind, held.id, held.attempts, exc_info=error)
            with transaction.atomic():
                lease.finish(held, "parked", error=problem)
                report(held, said)
        else:
            logger.warning("%s %s failed, trying again: %r", held.kind, held.id, error)
            lease.release(held, delay=2.0**held.attempts, error=problem)
    except LeaseLost:
        logger.warning("%s %s was taken over while failing", held.kind, held.id)


def park_one() -> bool:
    """Park and report one piece of work whose worker died for the last time; False when there is none."""
    with transaction.atomic():
        exhausted = lease.park_exhausted([kind.name for kind in kinds.every()])
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
    except OperationalError:
        raise  # the database is away: then it is not given up either, but tried again
    except Exception:  # one that cannot be reported must not keep the others from being taken up
        logger.exception("the end of %s %s could not be reported", held.kind, held.id)
