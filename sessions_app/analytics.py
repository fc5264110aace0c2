"""What a person's sessions used: rows of `DailyUse` added up by day, provider, model or session.

Called by the REST face. Three queries, whatever is asked; neither the log nor messages are looked at."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from sessions_app.insight_tables import BASE, GROWTH, OUTCOMES

DELETED = UUID(int=0)
"""Stands for all sessions that are no longer there."""

_KEYS = {
    "total": "''",
    "day": "d.day",
    "provider": "d.provider",
    "model": "d.model",
    "session": f"CASE WHEN d.deleted THEN '{DELETED}' ELSE d.session END",
}
KINDS: dict[str, type] = {"total": str, "day": date, "provider": str, "model": str, "session": UUID}
"""What can be grouped by."""
MOST = 2**63 - 1
"""What every reader of JSON here can count to."""

_SUMS = (
    *("messages", *OUTCOMES, "prompt_tokens", "completion_tokens"),
    *("priced", "unpriced", "cost", "spoken_tokens"),
)
_TIMES = ("run_time", "speaking_time")
_ROWS = "FROM sessions_app_dailyuse AS d{buckets} WHERE d.owner = %(owner)s AND d.day BETWEEN %(first)s AND %(last)s"
_GROUPS = f"""
SELECT {{keys}}, count(DISTINCT d.session), {", ".join(f"sum(d.{name})" for name in _SUMS)},
       {", ".join(f"extract(epoch FROM sum(d.{name}))::float8" for name in _TIMES)}
{_ROWS.format(buckets="")}{{only}} GROUP BY {{numbers}} ORDER BY {{numbers}} LIMIT %(limit)s
"""
_BUCKETS = f"""
SELECT {{keys}}, h.key::int, sum(h.value::bigint)
{_ROWS.format(buckets=", jsonb_each_text(d.{column}) AS h")}{{only}} GROUP BY {{numbers}}, h.key
"""


class Asked(NamedTuple):
    """Whose use, of which days (both included), by what, and of what only: values of `provider`, `model`, `session`.
    `beyond`: after the group with this key."""

    owner: int
    first: date
    last: date
    keys: Sequence[str]
    limit: int
    only: Mapping[str, Any]
    beyond: Sequence[Any] | None = None


class Group(NamedTuple):
    """What one group came to. `key`: of each of the keys that were asked for, in their order."""

    key: tuple[Any, ...]
    figures: dict[str, Any]


def groups(asked: Asked) -> list[Group]:
    """The next groups, in the order of their keys."""
    values = {"owner": asked.owner, "first": asked.first, "last": asked.last, "limit": asked.limit, **asked.only}
    only = "".join(f" AND d.{name} = %({name})s" for name in asked.only)
    rows = _rows(_GROUPS, asked, only + _compared(asked, ">", "beyond", asked.beyond, values), values)
    if not rows:
        return []
    width = len(asked.keys)
    found = {row[:width]: dict(zip(("sessions", *_SUMS, *_TIMES), row[width:], strict=True)) for row in rows}
    within = only + _compared(asked, ">=", "low", rows[0][:width], values)
    within += _compared(asked, "<=", "high", rows[-1][:width], values)
    for column in ("durations", "first_tokens"):
        for *key, bucket, count in _rows(_BUCKETS, asked, within, values, column):
            found[tuple(key)].setdefault(column, {})[bucket] = int(count)
    return [Group(key, _figures(sums)) for key, sums in found.items()]


def _rows(template: str, asked: Asked, only: str, values: dict[str, Any], column: str = "") -> list[tuple[Any, ...]]:
    text = template.format(
        keys=", ".join(_KEYS[key] for key in asked.keys),
        numbers=", ".join(str(number + 1) for number in range(len(asked.keys))),
        only=only,
        column=column,
    )
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _compared(asked: Asked, operator: str, name: str, key: Sequence[Any] | None, values: dict[str, Any]) -> str:
    """A condition on the whole key; its values are added to `values`."""
    if key is None:
        return ""
    named = {f"{name}_{number}": value for number, value in enumerate(key)}
    values |= named
    ours = ", ".join(_KEYS[key] for key in asked.keys)
    return f" AND ({ours}) {operator} ({', '.join(f'%({each})s' for each in named)})"


def _figures(sums: dict[str, Any]) -> dict[str, Any]:
    """What is shown: counts, tokens, USD as text (null where no price is known), seconds."""
    counts = {name: max(-MOST, min(int(sums[name]), MOST)) for name in _SUMS if name != "cost"}
    cost: Decimal | None = None if counts["unpriced"] and not counts["priced"] else sums["cost"]
    lasted, first = sums.get("durations", {}), sums.get("first_tokens", {})
    return {
        "sessions": sums["sessions"],
        "messages": counts["messages"],
        "runs": sum(counts[name] for name in OUTCOMES),
        **{f"runs_{name}": counts[name] for name in OUTCOMES},
        "prompt_tokens": counts["prompt_tokens"],
        "completion_tokens": counts["completion_tokens"],
        "total_tokens": min(counts["prompt_tokens"] + counts["completion_tokens"], MOST),
        "cost": None if cost is None else f"{cost.normalize():f}",
        "unpriced": counts["unpriced"],
        "run_seconds": round(sums["run_time"], 3),
        "run_seconds_p50": percentile(lasted, 0.5),
        "run_seconds_p95": percentile(lasted, 0.95),
        "first_token_seconds_p50": percentile(first, 0.5),
        "first_token_seconds_p95": percentile(first, 0.95),
        "tokens_per_second": _rounded(counts["spoken_tokens"] / spoke) if (spoke := sums["speaking_time"]) else None,
    }


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The middle of the bucket in which the value lies that this share of all do not exceed (nearest rank), in
    seconds; None where there are no values."""
    rank, seen = math.ceil(share * sum(buckets.values())), 0
    for number in sorted(buckets):
        seen += buckets[number]
        if seen >= rank:
            return _rounded(BASE * GROWTH ** (number - 0.5))
    return None


def _rounded(value: float) -> float:
    """Three digits that mean something."""
    return float(f"{value:.3g}")
