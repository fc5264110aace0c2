"""Durable subscribers: each pulls the log from its stored cursor, at least once per event, in log order.

A failing delivery is tried again with growing delays, then parked (the cursor goes on) until it is redriven."""

import logging
import time
from uuid import UUID

from django.conf import settings
from django.db import connection, connections

from bus import observe, sql
from bus.exceptions import NotFound
from bus.log import codec, store
from bus.log.horizon import Horizon
from bus.messages import Command, Context, Envelope
from bus.registry import Registry, Subscriber, default

logger = logging.getLogger(__name__)

PAGE = 100
ADVANCE_SECONDS = 0.2
"""How long a cursor may stay behind what was delivered: a commit for each event would cost as much as the delivery. A
worker that dies delivers so much again."""
MAX_DELAY = 300.0
"""Seconds; the delays between tries double up to this."""

_CLAIM = """
UPDATE bus_subscribercursor SET fence = fence + 1, owner = %s, lease_until = now() + make_interval(secs => %s)
WHERE name = %s AND run_after <= now() AND (lease_until IS NULL OR lease_until < now())
RETURNING position, fence, attempts
"""
_BEGIN = """
INSERT INTO bus_subscribercursor (name, position, fence, owner, attempts, run_after) VALUES (%s, 0, 0, '', 0, now())
ON CONFLICT DO NOTHING
"""
_ADVANCE = """
UPDATE bus_subscribercursor
SET position = %s, attempts = 0, error = NULL, lease_until = now() + make_interval(secs => %s)
WHERE name = %s AND fence = %s
"""
_BACK_OFF = """
UPDATE bus_subscribercursor SET attempts = attempts + 1, error = to_jsonb(%s::text), lease_until = NULL,
    run_after = now() + make_interval(secs => %s)
WHERE name = %s AND fence = %s
"""
_RELEASE = "UPDATE bus_subscribercursor SET lease_until = NULL WHERE name = %s AND fence = %s"
_PARK = """
INSERT INTO bus_parkeddelivery (subscriber, position, attempts, error, redrive, parked_at)
SELECT name, %s, %s, %s, false, now() FROM bus_subscribercursor WHERE name = %s AND fence = %s
ON CONFLICT (subscriber, position)
DO UPDATE SET attempts = bus_parkeddelivery.attempts + 1, error = excluded.error, redrive = false
"""
_REDRIVEN = "SELECT position FROM bus_parkeddelivery WHERE subscriber = %s AND redrive ORDER BY position LIMIT 100"
_UNPARK = "DELETE FROM bus_parkeddelivery WHERE subscriber = %s AND position = %s"
_ASK = """
UPDATE bus_parkeddelivery SET redrive = true
WHERE subscriber = %s AND (%s::bigint IS NULL OR position = %s::bigint)
"""

_IDLE = """
SELECT name FROM bus_subscribercursor AS c
WHERE position >= coalesce((SELECT max(position) FROM bus_storedevent), 0)
    AND NOT EXISTS (SELECT FROM bus_parkeddelivery AS p WHERE p.subscriber = c.name AND p.redrive)
"""

_horizons: dict[str, Horizon] = {}


class RedriveDelivery(Command):
    """Try a subscriber's parked delivery again (without `position`: all of them). For operators."""

    staff_only = True

    subscriber: str
    position: int | None = None


@default.handles(RedriveDelivery)
def redrive_delivery(command: RedriveDelivery, context: Context) -> dict[str, int]:
    """Marks the deliveries; the next delivery round tries them."""
    count = _run(_ASK, command.subscriber, command.position, command.position)
    if not count:
        raise NotFound(f"{command.subscriber!r} has no such parked delivery.")
    return {"redriven": count}


def deliver_all(owner: str, registry: Registry = default) -> None:
    """Bring every subscriber of the registry as far as it will go now. Those of plugins that are switched off stay
    where they are. One look tells who has nothing to do: a round costs several statements."""
    subscribers = [one for one in tuple(registry.subscribers.values()) if not _paused(one, registry)]
    idle = {name for (name,) in sql.fetch(_IDLE, ())} if subscribers else set()
    for subscriber in subscribers:
        if subscriber.name not in idle:
            deliver(subscriber, owner, registry)


def _paused(subscriber: Subscriber, registry: Registry) -> bool:
    return bool(subscriber.plugin) and registry.switch.off(subscriber.plugin)


def deliver(subscriber: Subscriber, owner: str, registry: Registry = default) -> int:
    """Bring one subscriber up to the log, unless another worker is at it; how many events it took."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [subscriber.name])
        cursor.execute(_CLAIM, [owner, settings.BUS_LEASE_SECONDS, subscriber.name])
        row = cursor.fetchone()
    return Round(subscriber, registry, *row).run() if row else 0


class Round:
    """One worker's turn with one subscriber, under the cursor's lease."""

    def __init__(self, subscriber: Subscriber, registry: Registry, *cursor: int) -> None:
        self.subscriber = subscriber
        self.registry = registry
        self.position, self.fence, self.attempts = cursor
        self.taken = 0
        self._stored = (self.position, time.monotonic())

    def run(self) -> int:
        """Deliver until the log's end, a failure, or the loss of the lease; how many events were taken."""
        self.taken = self._redrive()
        name = self.subscriber.name
        horizon = _horizons.get(name)
        if horizon is None or horizon.position != self.position:
            horizon = _horizons[name] = Horizon(self.position)
        while not _paused(self.subscriber, self.registry) and (page := store.read_log(self.registry, horizon, PAGE)):
            if not all(self._take(envelope) for envelope in page) or not self._advance(page[-1].position):
                _horizons.pop(name, None)  # it ran ahead of the cursor
                return self.taken
        _run(_RELEASE, name, self.fence)
        return self.taken

    def _take(self, envelope: Envelope) -> bool:
        """Deliver one event. False: stop here, either to try again later or because another worker took over."""
        if envelope.erased or not self.subscriber.takes(envelope):
            return True
        error = _call(self.subscriber, envelope, self.registry)
        if error is not None:
            if self._stored[0] < self.position and not self._advance(self.position):
                return False
            if self.attempts + 1 < self.subscriber.max_attempts:
                _run(_BACK_OFF, error, min(2.0**self.attempts, MAX_DELAY), self.subscriber.name, self.fence)
                return False
            self._park(envelope.position, self.attempts + 1, error)
        troubled = error is not None or self.attempts > 0
        self.attempts = 0
        self.taken += 1
        self.position = envelope.position
        due = time.monotonic() >= self._stored[1] + ADVANCE_SECONDS
        return self._advance(self.position) if troubled or due else True

    def _redrive(self) -> int:
        """Try again what an operator asked for; how many deliveries were tried."""
        with connection.cursor() as cursor:
            cursor.execute(_REDRIVEN, [self.subscriber.name])
            positions = [row[0] for row in cursor.fetchall()]
        for position in positions:
            envelope = at_position(self.registry, position)
            error = None if envelope.erased else _call(self.subscriber, envelope, self.registry)
            if error is None:
                _run(_UNPARK, self.subscriber.name, position)
            else:
                self._park(position, 1, error)
        return len(positions)

    def _park(self, position: int, attempts: int, error: str) -> None:
        _run(_PARK, position, attempts, error, self.subscriber.name, self.fence)

    def _advance(self, position: int) -> bool:
        """Store how far it came. False: another worker took over."""
        self._stored = (position, time.monotonic())
        return _run(_ADVANCE, position, settings.BUS_LEASE_SECONDS, self.subscriber.name, self.fence) == 1


def at_position(registry: Registry, position: int) -> Envelope:
    """The event at a position of the whole log."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {store.COLUMNS} FROM bus_storedevent WHERE position = %s", [position])
        row = cursor.fetchone()
    if row is None:
        raise NotFound(f"The log has no position {position}.")
    return codec.envelope_from_row(row, registry)


def _call(subscriber: Subscriber, envelope: Envelope, registry: Registry) -> str | None:
    """Deliver one event; what went wrong, or None."""
    try:
        with observe.span(f"deliver {subscriber.name}"):
            subscriber.function(envelope)
    except Exception as error:  # a subscriber's failure is recorded with its cursor
        connections.close_all()  # whatever state it left the connection in
        logger.exception("subscriber %s failed at %d", subscriber.name, envelope.position)
        observe.DELIVERIES.labels(subscriber.name, "failed").inc()
        if subscriber.plugin:
            registry.switch.failed(subscriber.plugin, subscriber.name, repr(error))
        return repr(error)[:2000]
    observe.DELIVERIES.labels(subscriber.name, "ok").inc()
    if subscriber.plugin:
        registry.switch.worked(subscriber.plugin, subscriber.name)
    return None


def _run(sql: str, *parameters: str | int | float | UUID | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
