"""The browser's pages: the list, one session, logging in by link. Reads are queries; every write is a command.

What happens after a page was sent comes over the socket (`static/parley/`), from the version the page names."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from bus import untrusted
from bus.bus import bus
from bus.exceptions import NotFound, Refused
from bus.messages import Actor, Context
from sessions_app import panels, queries, transcript
from sessions_app.forms import NewSession
from sessions_app.login_link import user_of_link
from sessions_app.models import Conversation, Session

SESSIONS = 30
CONVERSATIONS = 50
"""So many of the newest are offered to change to."""
ARTIFACTS = 50
"""The newest ones are listed on the page."""
CRITICAL = 0.8
"""From this share of the window on, the page says that it is nearly full (the first of `metrics.THRESHOLDS`)."""


def actor_of(request: HttpRequest) -> Actor:
    """Who looks at the page, as the bus knows them."""
    return Actor("user", str(request.user.pk))


def execute(request: HttpRequest, name: str, payload: Mapping[str, Any]) -> Any:
    """What the command of that name answers to this person. Raises Refused."""
    untrusted.check(payload)
    context = Context(actor=actor_of(request), correlation_id=getattr(request, "request_id", ""))
    return bus.execute(bus.registry.command(name, payload), context).data


# -- the list ----------------------------------------------------------------------------------------------------------


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


# -- one session -------------------------------------------------------------------------------------------------------


class SessionPage(LoginRequiredMixin, View):
    """`sessions/{id}/`: the end of a conversation (`conversation`, by default main), or with `before` what was said
    before that position."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The page. The version is read with the session, before its messages: nothing can fall between."""
        session = _session(request, session_id)
        given = request.GET.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
        conversation = _conversation(request, session_id)
        entries, earlier = transcript.entries(conversation, before)
        context = {
            "session": session,
            "conversation": conversation,
            "conversations": _conversations(session),
            "metrics": _metrics(session),
            "entries": entries,
            "earlier": earlier,
            "live": before is None,
            "artifacts": queries.artifacts_in(session.id)[:ARTIFACTS] if before is None else [],
            "panels": panels.shown(session),
        }
        return render(request, "sessions/detail.html", context)

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """Add a message, for browsers without our script."""
        said = {"session_id": str(session_id), "content": request.POST.get("content", ""), "answer": True}
        elsewhere = request.GET.get("conversation")
        if elsewhere:
            said["conversation_id"] = elsewhere
        try:
            if said["content"]:
                execute(request, "add-message", said)
        except NotFound:
            raise Http404 from None
        except Refused as refusal:
            return HttpResponse(refusal.detail, status=refusal.status, content_type="text/plain; charset=utf-8")
        query = {"conversation": elsewhere} if elsewhere else None
        return redirect(reverse("session", args=[session_id], query=query))


def _session(request: HttpRequest, session_id: UUID) -> Session:
    try:
        return queries.session_of(actor_of(request), session_id)
    except NotFound:
        raise Http404 from None


def _conversation(request: HttpRequest, session_id: UUID) -> Conversation:
    """The one the address names, of a session already checked."""
    try:
        given = request.GET.get("conversation")
        return queries.conversation_in(session_id, UUID(given) if given else session_id)
    except (NotFound, ValueError):
        raise Http404 from None


def _conversations(session: Session) -> QuerySet[Conversation]:
    """Those one can change to: main, and the newest others. Those of graphs' nodes are reached from their graphs."""
    rows = session.conversations.filter(is_archived=False).exclude(metadata__has_key="graph_id")
    return rows.alias(main=Q(id=F("session_id"))).order_by("-main", "-created_at", "-id")[:CONVERSATIONS]


def _metrics(session: Session) -> Mapping[str, Any]:
    """The metrics as the page says them; None becomes "unknown" there."""
    metrics = session.metrics
    used = metrics.context_utilization
    return {
        "tokens": metrics.total_tokens,
        "cost": None if metrics.estimated_cost is None else f"{metrics.estimated_cost:.4f}",
        "occupied": None if used is None else f"{used * 100:.0f}",
        "critical": used is not None and used >= CRITICAL,
    }


# -- logging in by link ------------------------------------------------------------------------------------------------


@method_decorator(never_cache, name="dispatch")
class EnterPage(View):
    """`enter/…`: a button behind a link. Opening the link does nothing yet, so that previews do not use it up."""

    def get(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """The button, or 410 for a link that is good no more."""
        user = user_of_link(uidb64, token)
        return render(request, "registration/enter.html", {"person": user}, status=200 if user else 410)

    def post(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """Log in; with this the link is used up."""
        with transaction.atomic():
            user = user_of_link(uidb64, token, lock=True)
            if user is not None:
                login(request, user)
                return redirect(settings.LOGIN_REDIRECT_URL)
        return render(request, "registration/enter.html", {"person": None}, status=410)
