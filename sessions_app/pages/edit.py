"""The form of a session's title, folder and tags."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from bus.exceptions import Refused
from sessions_app.labels import LONGEST, MOST_TAGS, labels_of
from sessions_app.models import Session
from sessions_app.pages.common import actor_of, execute, session_or_404
from sessions_app.pages.wanted import choices


class EditSession(forms.Form):
    """What `update-session` is asked to change."""

    title = forms.CharField(label=gettext_lazy("Title"), required=False, max_length=200)
    folder = forms.CharField(label=gettext_lazy("Folder"), required=False, max_length=LONGEST)
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=(LONGEST + 2) * MOST_TAGS,
        help_text=gettext_lazy("With commas between them."),
    )
    pinned = forms.BooleanField(label=gettext_lazy("Pinned to the top of the list"), required=False)
    archived = forms.BooleanField(label=gettext_lazy("Archived"), required=False)

    @classmethod
    def of(cls, session: Session) -> "EditSession":
        """The form as the session is."""
        labels = labels_of(session.metadata)
        said = {"folder": labels.folder, "tags": ", ".join(labels.tags), "pinned": labels.pinned}
        return cls(initial={"title": session.title, "archived": not session.is_active, **said})

    def clean_tags(self) -> list[str]:
        """The tags one by one."""
        tags = list(dict.fromkeys(tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()))
        if len(tags) > MOST_TAGS or any(len(tag) > LONGEST for tag in tags):
            most = {"tags": MOST_TAGS, "characters": LONGEST}
            raise ValidationError(_("At most %(tags)d tags, each of at most %(characters)d characters.") % most)
        return tags

    def payload(self) -> dict[str, Any]:
        """The fields of the command; null takes a label away."""
        said = self.cleaned_data
        labels = {"folder": said["folder"] or None, "tags": said["tags"] or None, "pinned": said["pinned"] or None}
        return {"title": said["title"], "is_active": not said["archived"], "metadata": labels}


class EditPage(LoginRequiredMixin, View):
    """`sessions/{id}/edit/`: for the owner, whose list it is."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """The form."""
        session = _own_or_404(request, session_id)
        return self._shown(request, session, EditSession.of(session))

    def post(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """Keep it."""
        session = _own_or_404(request, session_id)
        form = EditSession(request.POST)
        if form.is_valid():
            try:
                execute(request, "update-session", {"session_id": str(session_id), **form.payload()})
                messages.success(request, _("The session is changed."))
                return redirect("sessions")
            except Refused as refusal:
                form.add_error(None, refusal.detail)
        return self._shown(request, session, form, status=422)

    def _shown(self, request: HttpRequest, session: Session, form: EditSession, status: int = 200) -> HttpResponse:
        folders = choices(actor_of(request))["folder"]
        form.fields["folder"].widget.attrs["list"] = "folders"
        context = {"place": "sessions", "session": session, "form": form, "folders": folders}
        return render(request, "sessions/edit.html", context, status=status)


def _own_or_404(request: HttpRequest, session_id: UUID) -> Session:
    session = session_or_404(request, session_id)
    if session.owner_id != request.user.pk:
        raise Http404
    return session
