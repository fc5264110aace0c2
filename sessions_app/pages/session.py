"""One session: the end of a conversation, and what was said before it."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views import View

from bus.exceptions import NotFound, Refused
from sessions_app import panels, queries
from sessions_app.artifacts.mentions import LARGEST
from sessions_app.models import Conversation, Run, Session
from sessions_app.pages import lines, transcript
from sessions_app.pages.asked import people_of
from sessions_app.pages.branches import branches
from sessions_app.pages.common import conversation_or_404, execute, may_act, session_or_404, whole_number

ARTIFACTS = 50
"""The newest ones are listed on the page."""
CRITICAL = 0.8
"""From this share of the window on, the page says that it is nearly full (the first of `metrics.THRESHOLDS`)."""

SCRIPTS = [
    f"parley/{name}.js"
    for name in (
        *("asking", "attachments", "blocks", "branches", "clipboard", "composer", "connection", "copying", "dialogs"),
        *("drafts", "elements", "forks", "heading", "history", "html", "keys", "lines", "live", "log", "messages"),
        *("models", "presence", "queue", "runs", "seen", "send", "slash", "sockets", "stream", "words"),
    )
]
"""What `chat.js` imports, so that the browser asks for all of them at once."""
LIMITS = {"file": settings.ARTIFACT_MAX_BYTES, "image": LARGEST}
"""Bytes of what may be put to a message; of an image that models look at fewer."""


class SessionPage(LoginRequiredMixin, View):
    """`sessions/{id}/`: the end of a conversation (`conversation`, by default main), or another part of it: what was
    said about a `message`, or about `at`, a moment or a position. With `before`, for browsers without our script, what
    was said before that position."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The page. The version is read with the session, before its messages: nothing can fall between."""
        session = session_or_404(request, session_id)
        conversation = conversation_or_404(request, session_id)
        window = lines.window_of(request, conversation)
        live = whole_number(request.GET.get("before", "")) is None or window.upper is None
        context = {
            "session": session,
            "conversation": conversation,
            "branches": branches(session, conversation),
            "metrics": _metrics(session),
            "entries": transcript.entries(conversation, window, to_come=live and window.upper is None),
            "queue": _queue(conversation),
            "people": json.dumps(people_of(session, request)),
            "limits": LIMITS,
            "scripts": SCRIPTS,
            "window": window,
            "live": live,
            "acts": live and may_act(session),
            "artifacts": queries.artifacts_in(session.id)[:ARTIFACTS] if live else [],
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


def _queue(conversation: Conversation) -> list[dict[str, Any]]:
    """What was said while an answer is at work, in its order; `words` None: an answer to what is there already."""
    waiting = Run.objects.filter(conversation_id=conversation.id, waits=True, state=Run.State.QUEUED)
    rows = waiting.order_by("-first", "requested_version").values_list("id", "input")
    return [{"run": run, "words": input and "".join(map(_words, input))} for run, input in rows]


def _words(part: Mapping[str, Any]) -> str:
    """As static/parley/queue.js says it."""
    if part["type"] == "text":
        return str(part["text"])
    return f"[{part['type']}] {part.get('alt_text') or part.get('url', '')} "


def _metrics(session: Session) -> Mapping[str, Any]:
    """The metrics as the page says them; None becomes "unknown" there."""
    metrics = session.metrics
    used = metrics.context_utilization
    return {
        "tokens": metrics.total_tokens,
        "cost": None if metrics.estimated_cost is None else f"{metrics.estimated_cost:.4f}",
        "occupied": None if used is None else f"{used * 100:.0f}",
        "used": None if used is None else f"{min(used, 1):.3f}",
        "critical": used is not None and used >= CRITICAL,
    }
