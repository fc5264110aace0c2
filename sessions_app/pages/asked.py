"""Parts of a session's page that are asked for when they are wanted: HTML, put in place by static/parley/dialogs.js and
branches.js. Reads only; their forms are commands over REST."""

from typing import Any
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from sessions_app.forms import ModelChoice
from sessions_app.models import Session
from sessions_app.pages.branches import branches
from sessions_app.pages.common import conversation_or_404, session_or_404


class BranchesPart(LoginRequiredMixin, View):
    """`sessions/{id}/branches/`: the tree of conversations, and where they part (`conversation`: the one looked at)."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """As on the page itself."""
        session = session_or_404(request, session_id)
        here = conversation_or_404(request, session_id)
        context = {"session": session, "conversation": here, "branches": branches(session, here)}
        return render(request, "sessions/branches.html", context)


class ModelPart(LoginRequiredMixin, View):
    """`sessions/{id}/model/`: the form that changes provider and model."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """With what can be asked here."""
        session = session_or_404(request, session_id)
        form = ModelChoice(session.provider, session.model)
        return render(request, "sessions/model.html", {"session": session, "form": form})


class SharingPart(LoginRequiredMixin, View):
    """`sessions/{id}/sharing/`: with whom it is shared, for its owner; for others, the way to leave."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """Nobody but the owner is told of the others."""
        session = session_or_404(request, session_id)
        return render(request, "sessions/sharing.html", {"session": session, "shares": shares_of(session)})


def shares_of(session: Session) -> Any:
    """Who else may use it, for its owner."""
    if session.role != "owner":  # type: ignore[attr-defined]
        return []
    return session.shares.select_related("user").order_by("created_at", "id")


def people_of(session: Session, request: HttpRequest) -> dict[str, str]:
    """The names of those who may be seen here, by the numbers under which presence tells of them."""
    known = {str(request.user.pk): request.user.get_username()}
    if owner := getattr(session, "owner_name", None):
        known[str(session.owner_id)] = owner
    return known | {str(share.user_id): share.user.get_username() for share in shares_of(session)}
