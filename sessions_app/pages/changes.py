"""Changes of sessions from their list: of one by its buttons, of several that are chosen, by the same commands."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views import View

from bus.exceptions import NotFound, Refused
from sessions_app import queries
from sessions_app.labels import LONGEST, MOST_TAGS, labels_of
from sessions_app.models import Session
from sessions_app.pages.common import actor_of, back, execute

MOST = 100
"""Sessions that are changed at once."""
UPDATE = "update-session"
Payload = Callable[[Session, str], Mapping[str, Any]]


class Change(NamedTuple):
    """A command, what it is given of each session, and what is said afterwards. `labels`: it needs a label."""

    command: str
    payload: Payload
    said: Any
    labels: bool = False


def _always(**payload: Any) -> Payload:
    return lambda session, label: payload


def _with_tag(session: Session, tag: str) -> Mapping[str, Any]:
    return {"metadata": {"tags": list(dict.fromkeys([*labels_of(session.metadata).tags, tag]))[:MOST_TAGS]}}


def _without_tag(session: Session, tag: str) -> Mapping[str, Any]:
    return {"metadata": {"tags": [one for one in labels_of(session.metadata).tags if one != tag] or None}}


CHANGES = {
    "pin": Change(
        UPDATE,
        _always(metadata={"pinned": True}),
        ngettext_lazy("%(n)d session is pinned.", "%(n)d sessions are pinned.", "n"),
    ),
    "unpin": Change(
        UPDATE,
        _always(metadata={"pinned": None}),
        ngettext_lazy("%(n)d session is no longer pinned.", "%(n)d sessions are no longer pinned.", "n"),
    ),
    "archive": Change(
        UPDATE,
        _always(is_active=False),
        ngettext_lazy("%(n)d session is archived.", "%(n)d sessions are archived.", "n"),
    ),
    "unarchive": Change(
        UPDATE,
        _always(is_active=True),
        ngettext_lazy("%(n)d session is back in the list.", "%(n)d sessions are back in the list.", "n"),
    ),
    "tag": Change(
        UPDATE, _with_tag, ngettext_lazy("%(n)d session is tagged.", "%(n)d sessions are tagged.", "n"), labels=True
    ),
    "untag": Change(
        UPDATE,
        _without_tag,
        ngettext_lazy("%(n)d session has lost the tag.", "%(n)d sessions have lost the tag.", "n"),
        labels=True,
    ),
    "folder": Change(
        UPDATE,
        lambda session, folder: {"metadata": {"folder": folder or None}},
        ngettext_lazy("%(n)d session is in the folder.", "%(n)d sessions are in the folder.", "n"),
        labels=True,
    ),
    "delete": Change(
        "delete-session", _always(), ngettext_lazy("%(n)d session is deleted.", "%(n)d sessions are deleted.", "n")
    ),
}


class ChangePage(LoginRequiredMixin, View):
    """`sessions/change/`: `do` says what, `pin` or, of one session, `pin:<id>`; `session` which, where it does not."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Do it, and back to the list; what is deleted is asked about first."""
        name, _colon, one = request.POST.get("do", "").partition(":")
        chosen = _chosen(request, [one] if one else request.POST.getlist("session"))
        change, label = CHANGES.get(name), request.POST.get("label", "").strip()
        if change is None or not chosen:
            messages.warning(request, _("Nothing was changed: choose sessions, and what to do with them."))
        elif change.labels and not 0 < len(label) <= LONGEST:
            messages.warning(
                request, _("Nothing was changed: write a label of at most %(n)d characters.") % {"n": LONGEST}
            )
        elif name == "delete" and "sure" not in request.POST:
            context = {"place": "sessions", "chosen": chosen, "next": request.POST.get("next", "")}
            return render(request, "sessions/delete.html", context)
        else:
            _do(request, change, chosen, label)
        return back(request, "sessions")


def _chosen(request: HttpRequest, given: list[str]) -> list[Session]:
    """Those of the given sessions that are this person's own."""
    try:
        ids = [UUID(one) for one in given[:MOST]]
    except ValueError:
        return []
    return list(queries.own_of(actor_of(request)).filter(id__in=ids).order_by("-updated_at", "-id"))


def _do(request: HttpRequest, change: Change, chosen: list[Session], label: str) -> None:
    """Each by itself: what is refused of one keeps nothing else from being done."""
    done, refusals = 0, []
    for session in reversed(chosen):  # each change comes to the top: this way their order stays
        try:
            execute(request, change.command, {"session_id": str(session.id), **change.payload(session, label)})
            done += 1
        except NotFound:
            continue  # somebody was quicker
        except Refused as refusal:
            refusals.append(refusal.detail)
    if done:
        messages.success(request, change.said % {"n": done})
    for detail in dict.fromkeys(refusals):
        messages.error(request, detail)


class LeavePage(LoginRequiredMixin, View):
    """`sessions/{id}/leave/`: whoever a session is shared with wants it no more."""

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """As if it had never been shared."""
        try:
            execute(request, "unshare-session", {"session_id": str(session_id), "user_id": request.user.pk})
        except NotFound:
            messages.warning(request, _("This session is not shared with you."))
        else:
            messages.success(request, _("You have left the session."))
        return back(request, "sessions")
