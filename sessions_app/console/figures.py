"""The dashboard's numbers of the whole server. Days come from `DailyUse`; hours from rows of the last day, found by the
time in their ids and at most MOST of each kind. The log is not looked at."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.utils import timezone

from bus import sql
from sessions_app.analytics import percentile

DAYS, HOURS = 30, 24
MOST = 200_000
"""Rows of a kind that are looked at for one plot of hours."""

_PER_DAY = """
SELECT day, sum(messages), sum(completed), sum(incomplete + cancelled), sum(failed), sum(interrupted),
       sum(prompt_tokens), sum(completion_tokens), sum(cost), sum(unpriced)
FROM sessions_app_dailyuse WHERE day > %s GROUP BY day
"""
_BUCKETS = """
SELECT d.day, h.key::int, sum(h.value::bigint) FROM sessions_app_dailyuse AS d, jsonb_each_text(d.{column}) AS h
WHERE d.day > %s GROUP BY 1, 2
"""
_RUNS_PER_HOUR = """
SELECT date_trunc('hour', finished_at, 'UTC'), count(*) FILTER (WHERE state = 'completed'),
       count(*) FILTER (WHERE state IN ('incomplete', 'cancelled')), count(*) FILTER (WHERE state = 'failed'),
       count(*) FILTER (WHERE state = 'interrupted'),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY first_token)
FROM (SELECT * FROM sessions_app_run WHERE id >= %s ORDER BY id DESC LIMIT %s) AS recent
WHERE finished_at >= %s GROUP BY 1
"""
_USE_PER_HOUR = """
SELECT date_trunc('hour', at, 'UTC'), sum(input_tokens), sum(output_tokens), sum(cost),
       count(*) FILTER (WHERE cost IS NULL)
FROM (SELECT * FROM sessions_app_usageentry WHERE id >= %s ORDER BY id DESC LIMIT %s) AS recent
WHERE at >= %s GROUP BY 1
"""
_MESSAGES_PER_HOUR = """
SELECT date_trunc('hour', created_at, 'UTC'), count(*)
FROM (SELECT created_at FROM sessions_app_message WHERE id >= %s ORDER BY id DESC LIMIT %s) AS recent
WHERE created_at >= %s GROUP BY 1
"""

COUNTS = ("messages", "completed", "stopped", "failed", "interrupted", "read", "written", "cost", "unpriced")
TIMES = ("middle", "slow", "first")
"""Seconds: of runs the median and the 95th of a hundred, and the median until the first token."""


class Slot(NamedTuple):
    """One hour or day; counts are 0 and times None where there was nothing."""

    label: str
    values: dict[str, Any]


def last_days() -> list[date]:
    """The last DAYS days (UTC), oldest first, with today."""
    today = timezone.now().astimezone(UTC).date()
    return [today - timedelta(days=number) for number in reversed(range(DAYS))]


def days() -> list[Slot]:
    """What they came to."""
    wanted = last_days()
    begins = wanted[0] - timedelta(days=1)
    found: dict[Any, dict[str, Any]] = defaultdict(dict)
    for day, *values in sql.read(_PER_DAY, begins):
        found[day] = dict(zip(COUNTS, values, strict=True))
    for column, shares in (("durations", {"middle": 0.5, "slow": 0.95}), ("first_tokens", {"first": 0.5})):
        histograms: dict[date, dict[int, int]] = defaultdict(dict)
        for day, bucket, count in sql.read(_BUCKETS.format(column=column), begins):
            histograms[day][bucket] = int(count)
        for day, histogram in histograms.items():
            found[day] |= {name: percentile(histogram, share) for name, share in shares.items()}
    return [Slot(f"{day:%d %b}", _filled(found[day])) for day in wanted]


def hours() -> list[Slot]:
    """The last HOURS hours (UTC), oldest first."""
    last = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins = last - timedelta(hours=HOURS - 1)
    found: dict[datetime, dict[str, Any]] = defaultdict(dict)
    for statement, names in (
        (_RUNS_PER_HOUR, (*COUNTS[1:5], *TIMES)),
        (_USE_PER_HOUR, COUNTS[5:]),
        (_MESSAGES_PER_HOUR, COUNTS[:1]),
    ):
        for hour, *values in sql.read(statement, _first_id(begins), MOST, begins):
            found[hour] |= dict(zip(names, values, strict=True))
    wanted = [begins + timedelta(hours=number) for number in range(HOURS)]
    return [Slot(f"{hour:%H:00}", _filled(found[hour])) for hour in wanted]


def _first_id(at: datetime) -> UUID:
    """No id made then or later is smaller (RFC 9562: milliseconds lead). A day earlier, for what takes long."""
    return UUID(int=int((at - timedelta(days=1)).timestamp() * 1000) << 80)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    counts = {name: float(values.get(name) or 0) for name in COUNTS}
    return {**counts, **{name: values.get(name) for name in TIMES}}
