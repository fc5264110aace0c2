"""The console's first page: what the server did in the last day or month. Called by unfold, as the settings say."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from bus import gauges
from sessions_app.console import figures, plots
from sessions_app.console.figures import Slot
from sessions_app.console.plots import Plot, Series

SPANS: dict[str, Callable[[], list[Slot]]] = {"day": figures.hours, "month": figures.days}
NEEDS = "sessions_app.view_usageentry"
"""Who may see what everybody used."""


def shown(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows beside the list of models, to whom may see it."""
    if not request.user.has_perm(NEEDS):
        return context
    span = request.GET.get("span", "")
    span = span if span in SPANS else "day"
    slots = SPANS[span]()
    return {**context, "span": span, "plots": plotted(slots), "tiles": tiles(slots)}


def plotted(slots: list[Slot]) -> list[Plot]:
    """Six plots of the same time."""
    labels = [slot.label for slot in slots]

    def series(name: str, tone: str, key: str) -> Series:
        return Series(name, tone, [slot.values[key] for slot in slots])

    return [
        plots.stacked(_("Messages"), "", labels, [series(_("messages"), "tone-1", "messages")]),
        plots.stacked(
            _("Runs"),
            "",
            labels,
            [
                series(_("completed"), "tone-1", "completed"),
                series(_("stopped or cut off"), "tone-3", "stopped"),
                series(_("failed"), "tone-4", "failed"),
                series(_("interrupted"), "tone-2", "interrupted"),
            ],
        ),
        plots.stacked(
            _("Tokens"),
            "",
            labels,
            [series(_("read"), "tone-3", "read"), series(_("written"), "tone-1", "written")],
        ),
        plots.stacked(_("Cost"), "USD", labels, [series(_("known cost"), "tone-2", "cost")]),
        plots.lined(
            _("Latency"),
            "s",
            labels,
            [
                series(_("first token, median"), "tone-3", "first"),
                series(_("run, median"), "tone-1", "middle"),
                series(_("run, 95 %"), "tone-2", "slow"),
            ],
        ),
        plots.stacked(
            _("Errors"),
            "",
            labels,
            [series(_("failed"), "tone-4", "failed"), series(_("interrupted"), "tone-2", "interrupted")],
        ),
    ]


def tiles(slots: list[Slot]) -> list[dict[str, Any]]:
    """What is true now, and what the span came to; `bad` where somebody should look."""
    total = {name: sum(slot.values[name] for slot in slots) for name in figures.COUNTS}
    lags, parked = gauges.lags(), sum(gauges.parked().values())
    open_work = sum(count for _kind, _state, count in gauges.open_work())
    unpriced = int(total["unpriced"])
    return [
        {"name": _("Runs"), "value": plots.spoken(sum(total[name] for name in figures.COUNTS[1:5]))},
        {"name": _("Failed"), "value": plots.spoken(total["failed"]), "bad": total["failed"] > 0},
        {"name": _("Cost, USD"), "value": plots.spoken(total["cost"])},
        {"name": _("Requests without a price"), "value": plots.spoken(unpriced), "bad": unpriced > 0},
        {"name": _("Open work now"), "value": plots.spoken(open_work)},
        {"name": _("Largest lag now"), "value": plots.spoken(max(lags.values(), default=0))},
        {"name": _("Parked deliveries now"), "value": plots.spoken(parked), "bad": parked > 0},
    ]
