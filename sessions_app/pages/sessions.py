"""The list of one's sessions, and the form that begins another."""

from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views import View

from bus.exceptions import Refused
from sessions_app import queries
from sessions_app.forms import NewSession
from sessions_app.models import Session
from sessions_app.pages.common import actor_of, execute

SESSIONS = 30


class SessionsPage(LoginRequiredMixin, View):
    """`sessions/`: one's sessions, newest change first, and the form that begins another."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of the list; `before` is the key of the last row of the page before it."""
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
        rows = _older_than(queries.own_of(actor_of(request)), request.GET.get("before", ""))
        found = list(rows.order_by("-updated_at", "-id")[: SESSIONS + 1])
        last = found[SESSIONS - 1] if len(found) > SESSIONS else None
        older = f"{last.updated_at.isoformat()}~{last.id}" if last else None
        context = {"sessions": found[:SESSIONS], "older": older, "form": form, "begun": "before" in request.GET}
        return render(request, "sessions/list.html", context, status=status)


def _older_than(rows: QuerySet[Session], key: str) -> QuerySet[Session]:
    """Rows after `<updated_at>~<id>`, spelled so that the index answers; a key that is none of ours changes nothing."""
    moment, _, ident = key.partition("~")
    try:
        when, last = datetime.fromisoformat(moment), UUID(ident)
        if when.tzinfo is None:
            return rows
        when = when.astimezone(UTC)  # PostgreSQL does not take every zone that Python does
    except (ValueError, OverflowError):
        return rows
    return rows.filter(updated_at__lte=when).filter(Q(updated_at__lt=when) | Q(id__lt=last))
