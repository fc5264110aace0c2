"""The list of one's sessions, what a search finds in them, and the form that begins another."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views import View

from bus.exceptions import Refused
from sessions_app.forms import NewSession
from sessions_app.labels import LONGEST, labels_of
from sessions_app.models import Session
from sessions_app.pages.common import actor_of, execute, is_part
from sessions_app.pages.found import found
from sessions_app.pages.wanted import address, choices, narrowings, page_of, wanted_of


class SessionsPage(LoginRequiredMixin, View):
    """`sessions/`: one's sessions, pinned ones first, then newest change first, and the form that begins another."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of the list; `before` is the key of the last row of the page before it. The script asks for rows."""
        if is_part(request) and request.GET.get("before"):
            answer = render(request, "sessions/rows.html", _rows(request))
            answer["Cache-Control"] = "no-store"
            return answer
        return self._shown(request, NewSession())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin a session and go there."""
        form = NewSession(request.POST)
        if form.is_valid():
            try:
                return redirect("session", session_id=execute(request, "create-session", form.payload())["id"])
            except Refused as refusal:
                form.add_error(None, refusal.detail)
        return self._shown(request, form, status=422)

    def _shown(self, request: HttpRequest, form: NewSession, status: int = 200) -> HttpResponse:
        search = bool(request.GET.get("q", "").strip())
        about = found(request) if search else {**_rows(request), **_filters(request)}
        context = {"place": "sessions", "form": form, "search": search, **about}
        return render(request, "sessions/list.html", context, status=status)


def _rows(request: HttpRequest) -> dict[str, Any]:
    """A page of the list."""
    wanted, before = wanted_of(request), request.GET.get("before", "")
    page = page_of(actor_of(request), wanted, before)
    return {
        "wanted": wanted,
        "rows": [_row(session) for session in (*page.pinned, *page.rows)],
        "older": address(request, before=page.older) if page.older else None,
        "begun": bool(before),
        "newest": max((row.updated_at for row in (*page.pinned, *page.rows)), default=None),
    }


def _row(session: Session) -> dict[str, Any]:
    return {"session": session, "labels": labels_of(session.metadata)}


def _filters(request: HttpRequest) -> dict[str, Any]:
    """The choices, and what is chosen."""
    wanted, offered = wanted_of(request), choices(actor_of(request))
    return {
        "fields": [(name, values, getattr(wanted, name)) for name, values in offered.items()],
        "narrowings": list(narrowings(request, wanted)),
        "folders": offered["folder"],
        "tags": offered["tag"],
        "longest": LONGEST,
    }
