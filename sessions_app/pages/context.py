"""The context of a session: what its next request contains, message by message and why, and what it costs.

What is pressed here is a command, over REST from the script (`static/parley/context.js`), by this page without it."""

import json
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later
from django.views import View

from bus.exceptions import Invalid, NotFound, Refused
from sessions_app.llm import asking
from sessions_app.models import Conversation, Run, Session
from sessions_app.pages import fates, occupancy
from sessions_app.pages.common import conversation_or_404, execute, is_part, may_act, session_or_404
from sessions_app.values import Strategy

CONVERSATIONS = 50
LATEST_RUNS = 20
"""Among so many the latest summary-making one is looked for."""
COMMANDS = ("update-message", "compact-context", "undo-compaction", "update-session")
"""What the page's buttons ask for."""
STRATEGIES = {
    "adaptive": later("Shortens old tool results first, then leaves out what matters least, then summarises."),
    "summarize": later("Lets a summary stand for the older half when not all fits."),
    "relevance": later("Leaves out what has least to do with the question."),
    "truncate": later("Leaves out the oldest."),
}


class ContextPage(LoginRequiredMixin, View):
    """`sessions/{id}/context/`: the plan of the next request of a `conversation` (by default main), as it would be with
    another `strategy`; the newest messages, those `older` than one, or only what is left out (`show=out`)."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The page; with htmx the part that changes. The version is read with the session, before its messages."""
        return _shown(request, session_or_404(request, session_id))

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """One of the page's commands, for browsers without our script."""
        session = session_or_404(request, session_id)
        try:
            name, payload = _asked_for(request)
            execute(request, name, {**payload, "session_id": str(session_id)})
        except NotFound:
            raise Http404 from None
        except Refused as refusal:
            return _shown(request, session, refusal)
        return redirect(request.get_full_path())


def _asked_for(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    name, given = request.POST.get("command", ""), request.POST.get("payload", "")
    try:
        payload = json.loads(given)
    except (ValueError, RecursionError):
        payload = None
    if name not in COMMANDS or not isinstance(payload, dict):
        raise Invalid(_("This page does not know that command; load it anew."))
    return name, payload


def _shown(request: HttpRequest, session: Session, refusal: Refused | None = None) -> HttpResponse:
    """The page as its address asks for it, with what was refused."""
    conversation = conversation_or_404(request, session.id)
    strategy, unknown = _strategy(request)
    refusal = refusal or unknown
    configured = session.config.get("context_strategy")
    used = configured or settings.CONTEXT_STRATEGY
    context = {
        "session": session,
        "conversation": conversation,
        "conversations": _conversations(session),
        **_planned(request, session, conversation, strategy),
        "strategy": strategy,
        "strategies": [(name, text, name == used) for name, text in STRATEGIES.items()],
        "configured": configured,
        "compaction": _compaction(session, conversation.id),
        "spent": occupancy.spent(session),
        "budgets": occupancy.left(session),
        "may_change": may_act(session),
        "problem": refusal.detail if refusal else "",
    }
    template = "context/part.html" if is_part(request) else "context/page.html"
    response = render(request, template, context, status=refusal.status if refusal else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _planned(
    request: HttpRequest, session: Session, conversation: Conversation, strategy: Strategy | None
) -> dict[str, Any]:
    """The plan in figures and message by message; without one, why there is none and the newest messages."""
    asked, out = asking.of_session(session, conversation.id), request.GET.get("show") == "out"
    prepared, overflow = occupancy.prepared(asked, strategy)
    decisions = prepared.plan.decisions if prepared else None
    if decisions is None:
        rows, older = fates.newest(conversation), None
    else:
        rows, older = fates.page(session, decisions, out=out, older=request.GET.get("older", ""))
    return {
        "plan": prepared.plan if prepared else None,
        "figures": occupancy.figures(asked, prepared, overflow),
        "rows": rows,
        "older": older,
        "summaries": fates.summaries(decisions or ()),
        "out": out,
        "left_out": sum(one.outcome not in fates.SENT for one in decisions or ()),
    }


def _conversations(session: Session) -> QuerySet[Conversation]:
    rows = session.conversations.filter(is_archived=False).exclude(metadata__has_key="graph_id")
    return rows.order_by("-created_at", "-id")[:CONVERSATIONS]


def _strategy(request: HttpRequest) -> tuple[Strategy | None, Refused | None]:
    given = request.GET.get("strategy")
    try:
        return msgspec.convert(given, Strategy) if given else None, None
    except msgspec.ValidationError:
        return None, Invalid(_("A strategy is one of %(names)s.") % {"names": ", ".join(STRATEGIES)})


def _compaction(session: Session, conversation: UUID) -> Run | None:
    """The latest run that was to make a summary here, if it is at work or has failed."""
    latest = session.runs.order_by("-id").only("conversation_id", "compacts", "state", "error")[:LATEST_RUNS]
    mine = [run for run in latest if run.compacts and run.conversation_id == conversation]
    return mine[0] if mine and mine[0].state != Run.State.COMPLETED else None
