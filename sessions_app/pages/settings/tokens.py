"""One's API tokens: made and revoked by the commands that REST gives, too."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bus.exceptions import NotFound, Refused
from sessions_app.accounts import queries, scopes
from sessions_app.models import ApiToken
from sessions_app.pages.common import actor_of, answered, execute
from sessions_app.pages.settings.base import SettingsPage

TOKENS = 50
DAY = 86_400
LIVES = (
    (str(7 * DAY), gettext_lazy("a week")),
    (str(30 * DAY), gettext_lazy("30 days")),
    (str(90 * DAY), gettext_lazy("90 days")),
    (str(365 * DAY), gettext_lazy("a year")),
    ("", gettext_lazy("until it is revoked")),
)


class NewToken(forms.Form):
    """What `create-token` asks."""

    use_required_attribute = False

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=200, help_text=gettext_lazy("What it is for, to tell it from others.")
    )
    expires_in = forms.ChoiceField(label=gettext_lazy("Good for"), choices=LIVES, required=False, initial=LIVES[1][0])
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=[(scope, gettext_lazy("everything") if scope == scopes.ALL else scope) for scope in scopes.SCOPES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose what it may do: at least one.")},
    )

    def payload(self) -> dict[str, Any]:
        """The fields of the command."""
        said = self.cleaned_data
        life = {"expires_in": int(said["expires_in"])} if said["expires_in"] else {}
        return {"name": said["name"], "scopes": said["scopes"], **life}


class TokensPage(SettingsPage):
    """`settings/tokens/`: the list, newest first, and the form that makes one."""

    here = "settings-tokens"
    template = "settings/tokens.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of the list; `before` is the last token of the page before it."""
        return self._listed(request, NewToken())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make one. The answer is the only place where its text is ever told: no redirect, no cache."""
        form = NewToken(request.POST)
        if form.is_valid():
            try:
                made = answered(request, "create-token", form.payload())
                return self._listed(
                    request, NewToken(), told=(made.once or {})["token"], name=form.cleaned_data["name"]
                )
            except Refused as refusal:
                form.add_error(None, refusal.detail)
        return self._listed(request, form, status=422)

    def _listed(self, request: HttpRequest, form: NewToken, status: int = 200, **more: Any) -> HttpResponse:
        found = _page(request)
        older = found[TOKENS - 1].id if len(found) > TOKENS else None
        at = queries.now()
        rows = [(token, _state(token, at)) for token in found[:TOKENS]]
        return self.shown(request, status, form=form, tokens=rows, older=older, **more)


class RevokeToken(SettingsPage):
    """`settings/tokens/{id}/revoke/`"""

    def post(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        """From now on it lets nobody in."""
        try:
            execute(request, "revoke-token", {"token_id": str(token_id)})
        except NotFound:
            raise Http404 from None
        messages.success(request, _("The token is revoked."))
        return redirect("settings-tokens")


def _page(request: HttpRequest) -> list[ApiToken]:
    rows = queries.tokens_of(actor_of(request)).order_by("-id")
    with suppress(ValueError):  # then it is the first page
        rows = rows.filter(id__lt=UUID(request.GET.get("before", "")))
    return list(rows[: TOKENS + 1])


def _state(token: ApiToken, at: Any) -> str:
    """Whether it lets anybody in."""
    if token.revoked_at is not None:
        return "revoked"
    return "over" if token.expires_at is not None and token.expires_at <= at else "good"
