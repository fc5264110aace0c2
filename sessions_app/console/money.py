"""Where the money goes: use and cost by user, model and day of the last month, and what has no price."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from bus import sql
from sessions_app.console import figures, plots
from sessions_app.console.common import needs, page
from sessions_app.console.plots import Series
from sessions_app.llm import catalog

MOST = 100
"""Rows of a table; those that cost or used most."""
TONES = ("tone-1", "tone-2", "tone-3", "tone-4")

_BY = {
    "user": "coalesce(u.username, '#' || d.owner)",
    "model": "d.provider || '/' || d.model",
}
_TOTALS = """
SELECT {key} AS key, count(DISTINCT d.session), sum(d.messages),
       sum(d.completed + d.incomplete + d.failed + d.cancelled + d.interrupted),
       sum(d.prompt_tokens), sum(d.completion_tokens), sum(d.cost), sum(d.priced), sum(d.unpriced)
FROM sessions_app_dailyuse AS d LEFT JOIN auth_user AS u ON u.id = d.owner
WHERE d.day > (now() AT TIME ZONE 'UTC')::date - %s
GROUP BY 1 ORDER BY sum(d.cost) DESC, sum(d.prompt_tokens + d.completion_tokens) DESC, 1 LIMIT %s
"""
_COSTS = """
SELECT {key}, (now() AT TIME ZONE 'UTC')::date - d.day, sum(d.cost)
FROM sessions_app_dailyuse AS d LEFT JOIN auth_user AS u ON u.id = d.owner
WHERE d.day > (now() AT TIME ZONE 'UTC')::date - %s AND {key} = ANY(%s) GROUP BY 1, 2
"""
_UNPRICED = """
SELECT d.provider, d.model, sum(d.unpriced), sum(d.prompt_tokens), sum(d.completion_tokens), max(d.day)
FROM sessions_app_dailyuse AS d
WHERE d.unpriced > 0 AND d.day > (now() AT TIME ZONE 'UTC')::date - %s
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %s
"""
NAMES = ("key", "sessions", "messages", "runs", "read", "written", "cost", "priced", "unpriced")


@needs("sessions_app.view_usageentry")
def ledger(request: HttpRequest) -> HttpResponse:
    """Use and cost by user or by model."""
    by = request.GET.get("by", "")
    by = by if by in _BY else "user"
    rows = [dict(zip(NAMES, row, strict=True)) for row in sql.read(_totals(by), figures.DAYS, MOST)]
    for row in rows:
        row["cost_shown"] = _("unknown") if row["unpriced"] and not row["priced"] else f"{row['cost'].normalize():f}"
    dearest = [row["key"] for row in rows if row["cost"]][: len(TONES)]
    return page(request, "ledger", _("Use and cost, last 30 days"), by=by, rows=rows, plot=_plot(by, dearest))


def _totals(by: str) -> str:
    return _TOTALS.format(key=_BY[by])


def _plot(by: str, keys: list[str]) -> plots.Plot:
    costs: dict[str, list[float | None]] = {key: [0.0] * figures.DAYS for key in keys}
    for key, ago, cost in sql.read(_COSTS.format(key=_BY[by]), figures.DAYS, keys):
        costs[key][figures.DAYS - 1 - ago] = float(cost)
    labels = [f"{day:%d %b}" for day in figures.last_days()]
    series = [Series(key, tone, costs[key]) for key, tone in zip(keys, TONES, strict=False)]
    return plots.stacked(_("Cost of the dearest"), "USD", labels, series)


@needs("sessions_app.view_modelentry")
def unpriced(request: HttpRequest) -> HttpResponse:
    """Models that were used and whose price nobody knows."""
    names = ("provider", "model", "requests", "read", "written", "last")
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in sql.read(_UNPRICED, figures.DAYS, MOST)]
    for row in rows:
        row["priced_now"] = _is_priced(row["provider"], row["model"])
    may_add = request.user.has_perm("sessions_app.add_modelentry")
    return page(request, "unpriced", _("Used without a price, last 30 days"), rows=rows, may_add=may_add)


def _is_priced(provider: str, model: str) -> bool:
    try:
        return catalog.price_of(provider, model, timezone.now()) is not None
    except KeyError:  # a provider that is configured no more
        return False
