"""Gauges only the database knows, refreshed when the metrics are asked for: open work, lag, parked deliveries."""

from django.db import connection
from prometheus_client import Gauge

from bus import observe

_OPEN = "SELECT kind, state, count(*) FROM bus_work WHERE state IN ('queued', 'running') GROUP BY kind, state"
_LAG = "SELECT name, (SELECT coalesce(max(position), 0) FROM bus_storedevent) - position FROM bus_subscribercursor"
_PARKED = "SELECT subscriber, count(*) FROM bus_parkeddelivery GROUP BY subscriber"


def refresh() -> None:
    """Three small queries; what is no longer there is no longer shown."""
    for gauge, sql in ((observe.QUEUED, _OPEN), (observe.LAG, _LAG), (observe.PARKED, _PARKED)):
        _refresh(gauge, sql)


def _refresh(gauge: Gauge, sql: str) -> None:
    gauge.clear()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        for *labels, value in cursor.fetchall():
            gauge.labels(*labels).set(value)
