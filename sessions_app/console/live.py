"""The live page of the bus: who follows the log and how far behind, what was parked, what waits and what was dropped.
The part below the title asks for itself again; its numbers are those of REST's `bus/`."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from bus import gauges
from bus.bus import bus
from bus.models import ParkedDelivery
from sessions_app.console import redriving
from sessions_app.console.common import needs, page
from sessions_app.console.redriving import ACT

SEE = "bus.view_subscribercursor"
LONGEST = 19
"""Digits that surely fit into a position."""
SHOWN = 50
"""Parked deliveries on the page; the list of all is a link away."""


@needs(SEE)
def live(request: HttpRequest) -> HttpResponse:
    """The page."""
    return page(request, "bus", _("Bus"), **_state(request))


@needs(SEE)
def part(request: HttpRequest) -> HttpResponse:
    """Its part that changes."""
    return render(request, "console/bus_state.html", _state(request))


@needs(ACT)
@require_POST
def redrive(request: HttpRequest) -> HttpResponse:
    """Try a parked delivery again, or all of a subscriber."""
    subscriber, position = request.POST.get("subscriber", "")[:200], request.POST.get("position", "")
    if position and not (position.isdecimal() and len(position) < LONGEST):
        raise Http404
    if redriving.redrive(request, subscriber, int(position) if position else None):
        messages.success(request, _("A worker will try it again."))
    return redirect("admin:bus")


def _state(request: HttpRequest) -> dict[str, Any]:
    parked = list(ParkedDelivery.objects.order_by("-parked_at", "-id")[: SHOWN + 1])
    return {
        "subscribers": gauges.subscribers(bus.registry),
        "work": gauges.open_work(),
        "dropped": gauges.dropped(),
        "parked": parked[:SHOWN],
        "more_parked": len(parked) > SHOWN,
        "may_act": request.user.has_perm(ACT),
    }
