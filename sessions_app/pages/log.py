"""The log of a session: its events, as a window that moves, and the session as it was at any of their versions.

What comes later is told by the socket (`static/parley/timeline.js`), which then asks for the lines here: what an event
says is put into words in one place."""

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views import View

from bus.bus import bus
from bus.exceptions import Invalid, NotFound, Refused
from bus.log.picking import picked
from bus.messages import Envelope
from sessions_app.models import Session
from sessions_app.pages import places, timeline, travel
from sessions_app.pages.common import actor_of, execute, is_part, session_or_404, whole_number

LONGEST = 100_000
"""Characters of a payload that the page shows; REST has the whole."""
QUICK = ("message-*", "run-*", "conversation-*", "graph-*", "artifact-*", "session-*", "token-*, context-*")
"""Patterns that are a click away."""


class LogPage(LoginRequiredMixin, View):
    """`sessions/{id}/log/`: the newest events, or those `before` or `after` a version, or around the one that is `open`
    or looked back `at`; with htmx only the part that changes."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The page, or a part of it. The version is read with the session, before its log: nothing falls between."""
        return _shown(request, session_or_404(request, session_id))

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """Fork at the last message of then, and go there."""
        session = session_or_404(request, session_id)
        try:
            version = _version(request.POST.get("at", ""), _head(session)) or _head(session)
            last = travel.messages_at(session_id, version)[-1:]
            if not last:
                raise Invalid(_("There is no message yet at version %(version)s to fork at.") % {"version": version})
            asked = {"session_id": str(session_id), "message_id": str(last[0].id)}
            begun = execute(request, "fork-conversation", asked)["id"]
        except NotFound:
            raise Http404 from None
        except Refused as refusal:
            return _shown(request, session, refusal)
        return redirect(reverse("session", args=[session_id], query={"conversation": begun}))


def _shown(request: HttpRequest, session: Session, refusal: Refused | None = None) -> HttpResponse:
    """The page as its address asks for it, with what was refused."""
    context: dict[str, Any] = {"session": session, "quick": QUICK, "kinds": sorted(bus.registry.events)}
    filters = timeline.Filters.of(request.GET)
    template = "log/page.html"
    try:
        template, found = _asked(request, session, filters)
    except Invalid as invalid:
        refusal = invalid
        found = {"window": timeline.Window([], None, None)}
    context |= {"filters": filters, "problem": refusal.detail if refusal else "", **found}
    response = render(request, template, context, status=refusal.status if refusal else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _asked(request: HttpRequest, session: Session, filters: timeline.Filters) -> tuple[str, dict[str, Any]]:
    """The template, and what it shows. Raises Invalid."""
    head, part = _head(session), is_part(request)
    log = timeline.Log(session.id, head, filters, actor_of(request))
    named = {name: _version(request.GET.get(name, ""), head) for name in ("open", "at")}
    if (opened := named["open"]) is not None and part:
        return "log/payload.html", _payload(session, opened)
    if part and (way := next((way for way in ("before", "after") if way in request.GET), "")):
        edge = _number(request.GET[way])
        window = log.oldest(edge) if way == "after" else log.newest(before=edge)
        return "log/lines.html", {"window": window, "way": way}
    found: dict[str, Any] = {**named, "window": _window(request, log, opened or named["at"])}
    if opened is not None:
        found |= _payload(session, opened)
    if named["at"] is not None:
        found["moment"] = travel.moment(session, head, named["at"])
    return "log/view.html" if part else "log/page.html", found


def _window(request: HttpRequest, log: timeline.Log, middle: int | None) -> timeline.Window:
    if middle is not None:
        return log.around(middle)
    if after := request.GET.get("after"):
        return log.oldest(_number(after))
    before = request.GET.get("before")
    return log.newest(before=_number(before) if before else None)


def _payload(session: Session, version: int) -> dict[str, Any]:
    """The event of that version, whole."""
    found = picked(bus.registry, session.id, [version])
    if not found:
        return {"event": None, "open": version}
    event = found[0]
    data = event.fields()
    text = json.dumps(data, ensure_ascii=False, indent=2)
    return {
        "open": version,
        "event": event,
        "payload": text[:LONGEST],
        "longer": len(text) > LONGEST,
        "request_id": event.correlation_id or event.causation_id,
        "links": [] if event.erased else places.links(session.id, data),
        "raw": _raw(event),
    }


def _raw(event: Envelope) -> str:
    return reverse("api-events", args=[event.stream], query={"after": event.version - 1, "limit": 1})


def _head(session: Session) -> int:
    version: int = session.version  # type: ignore[attr-defined]
    return version


def _number(given: str) -> int:
    number = whole_number(given)
    if number is None:
        raise Invalid(_("“%(given)s” is no version: versions are whole numbers.") % {"given": given[:40]})
    return number


def _version(given: str, head: int) -> int | None:
    """A version of this session, None where none is named."""
    if not given:
        return None
    version = _number(given)
    if not 1 <= version <= head:
        there = {"version": version, "head": head}
        raise Invalid(_("There is no version %(version)s: this session's versions are 1 to %(head)s.") % there)
    return version
