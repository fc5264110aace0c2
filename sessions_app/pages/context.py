"""The context of a session: what its next request contains, message by message and why, and what it costs.

What is pressed here is a command, over REST from the script (`static/parley/context.js`), by this page without it."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
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
from sessions_app import queries
from sessions_app.llm import asking
from sessions_app.llm.context.items import item_of
from sessions_app.llm.context.plan import Decision
from sessions_app.models import Conversation, Message, Run, Session
from sessions_app.pages import occupancy, places, saying
from sessions_app.pages.common import execute, session_or_404
from sessions_app.values import Role, Strategy

ROWS = 50
CONVERSATIONS = 50
LATEST_RUNS = 20
"""Among so many the latest summary-making one is looked for."""
COMMANDS = ("update-message", "compact-context", "undo-compaction", "update-session")
"""What the page's buttons ask for."""
SENT = ("kept", "compacted")
STRATEGIES = {
    "adaptive": later("Shortens old tool results first, then leaves out what matters least, then summarises."),
    "summarize": later("Lets a summary stand for the older half when not all fits."),
    "relevance": later("Leaves out what has least to do with the question."),
    "truncate": later("Leaves out the oldest."),
}


class Row(NamedTuple):
    """One message, and what becomes of it. `decision` is None where there is no plan, since it would not fit."""

    id: UUID
    role: str
    text: str
    tokens: int
    decision: Decision | None
    why: str
    pinned: bool
    excluded: bool
    own: bool
    address: str


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
    conversation = _conversation(request, session.id)
    strategy, unknown = _strategy(request)
    refusal = refusal or unknown
    asked = asking.of_session(session, conversation.id)
    prepared, overflow = occupancy.prepared(asked, strategy)
    decisions = prepared.plan.decisions if prepared else None
    rows, older = _rows(request, conversation, session, decisions)
    configured = session.config.get("context_strategy")
    used = configured or settings.CONTEXT_STRATEGY
    context = {
        "session": session,
        "conversation": conversation,
        "conversations": _conversations(session),
        "plan": prepared.plan if prepared else None,
        "figures": occupancy.figures(asked, prepared, overflow),
        "rows": rows,
        "summaries": _summaries(decisions),
        "older": older,
        "out": request.GET.get("show") == "out",
        "left_out": sum(one.outcome not in SENT for one in decisions or ()),
        "strategy": strategy,
        "strategies": [(name, text, name == used) for name, text in STRATEGIES.items()],
        "configured": configured,
        "compaction": _compaction(session, conversation.id),
        "spent": occupancy.spent(session),
        "budgets": occupancy.left(session),
        "may_change": session.role != "viewer",  # type: ignore[attr-defined]
        "problem": refusal.detail if refusal else "",
    }
    template = "context/part.html" if "HX-Request" in request.headers else "context/page.html"
    response = render(request, template, context, status=refusal.status if refusal else 200)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _conversation(request: HttpRequest, session_id: UUID) -> Conversation:
    """The one the address names, of a session already checked."""
    try:
        given = request.GET.get("conversation")
        return queries.conversation_in(session_id, UUID(given) if given else session_id)
    except (NotFound, ValueError):
        raise Http404 from None


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


def _rows(
    request: HttpRequest, conversation: Conversation, session: Session, decisions: Sequence[Decision] | None
) -> tuple[list[Row], UUID | None]:
    """A page of messages, newest first, and after which the next page goes on."""
    if decisions is None:
        newest = queries.line_of(conversation).order_by("-position")[:ROWS]
        return [_row(message, None) for message in newest], None
    if request.GET.get("show") == "out":
        decisions = [one for one in decisions if one.outcome not in SENT]
    decisions = decisions[::-1]
    ids = [str(one.id) for one in decisions]
    start = ids.index(request.GET["older"]) + 1 if request.GET.get("older") in ids else 0
    page = decisions[start : start + ROWS]
    found = Message.objects.in_bulk([one.id for one in page])
    rows = [_row(found[one.id], one) if one.id in found else _configured(session, one) for one in page]
    return rows, page[-1].id if len(decisions) > start + ROWS else None


def _summaries(decisions: Sequence[Decision] | None) -> list[Row]:
    """The summaries in force, newest first: each can be taken back."""
    standing = [one for one in decisions or () if one.code == "summary"]
    found = Message.objects.in_bulk([one.id for one in standing])
    return [_row(found[one.id], one) for one in reversed(standing)]


def _row(message: Message, decision: Decision | None) -> Row:
    item = item_of(message)
    return Row(
        id=message.id,
        role=message.role,
        text=saying.text(message.content),
        tokens=decision.tokens if decision else item.tokens,
        decision=decision,
        why=_(decision.why) if decision else "",
        pinned=item.pinned,
        excluded=item.excluded,
        own=True,
        address=places.message_address(message.session_id, message.id, message.conversation_id),
    )


def _configured(session: Session, decision: Decision) -> Row:
    """The system prompt of the configuration, which is no message."""
    text = saying.short(str(session.config.get("system_prompt") or ""))
    return Row(session.id, Role.SYSTEM, text, decision.tokens, decision, _(decision.why), False, False, False, "")
