"""Gauges only the database knows, refreshed when the metrics are asked for: open work, lag, parked deliveries."""

from typing import Any

from django.db import connection
from prometheus_client import Counter, Gauge

from bus import observe, sql
from bus.registry import Registry

_OPEN = "SELECT kind, state, count(*) FROM bus_work WHERE state IN ('queued', 'running') GROUP BY kind, state"
_LAG = "SELECT name, (SELECT coalesce(max(position), 0) FROM bus_storedevent) - position FROM bus_subscribercursor"
_PARKED = "SELECT subscriber, count(*) FROM bus_parkeddelivery GROUP BY subscriber"


def refresh() -> None:
    """Three small queries; what is no longer there is no longer shown."""
    for gauge, statement in ((observe.QUEUED, _OPEN), (observe.LAG, _LAG), (observe.PARKED, _PARKED)):
        _refresh(gauge, statement)


def _refresh(gauge: Gauge, statement: str) -> None:
    gauge.clear()
    for *labels, value in sql.read(statement):
        gauge.labels(*labels).set(value)


def open_work() -> list[tuple[str, str, int]]:
    """What is queued and at work, by kind and state."""
    return [(kind, state, count) for kind, state, count in sql.read(_OPEN)]


def lags() -> dict[str, int]:
    """How many positions each durable subscriber is behind the log."""
    return dict(sql.read(_LAG))


def parked() -> dict[str, int]:
    """How many events each durable subscriber could not take."""
    return dict(sql.read(_PARKED))


def subscribers(registry: Registry) -> list[dict[str, Any]]:
    """Each durable subscriber, how far it is behind (None: it has not begun) and how many events it could not take."""
    behind, left = lags(), parked()
    return [
        {
            "name": one.name,
            "topics": list(one.topics),
            "max_attempts": one.max_attempts,
            "plugin": one.plugin,
            "lag": behind.get(one.name),
            "parked": left.get(one.name, 0),
        }
        for one in registry.subscribers.values()
    ]


def pool() -> dict[str, int]:
    """How this process's pool of database connections is used, in the pool's own words; nothing without a pool."""
    found = getattr(connection, "pool", None)
    return found.get_stats() if found is not None else {}


def dropped() -> dict[str, int]:
    """What this process has dropped since it began: frames and hints not sent, subscribers that read too slowly."""
    counters = {
        "frames": observe.FRAMES_DROPPED,
        "hints": observe.HINTS_DROPPED,
        "sockets": observe.SUBSCRIBERS_DROPPED,
    }
    return {name: sum(int(s.value) for s in _samples(counter)) for name, counter in counters.items()}


def _samples(counter: Counter) -> list[Any]:
    return [sample for metric in counter.collect() for sample in metric.samples if sample.name.endswith("_total")]
