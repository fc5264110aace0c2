"""Where operators make service accounts, and tokens for them and for themselves. A token's text is on the page that
answers the form, and nowhere else."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bus import untrusted
from bus.admin import context_of
from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import CommandResult
from sessions_app.accounts import queries
from sessions_app.accounts.scopes import SCOPES
from sessions_app.console.common import needs, page

DAY = 86_400
MOST_DAYS = 3650
MOST = 500
"""Service accounts that can be chosen from."""


class TokenForm(forms.Form):
    """For whom, to do what, for how long."""

    account = forms.ChoiceField(label=gettext_lazy("For"), required=False)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    days = forms.IntegerField(
        label=gettext_lazy("Good for days (empty: for good)"), required=False, min_value=1, max_value=MOST_DAYS
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"), choices=[(one, one) for one in SCOPES], widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = queries.service_accounts().order_by("user__username")[:MOST]
        field: Any = self.fields["account"]
        field.choices = [("", _("myself")), *((str(one.pk), one.user.username) for one in accounts)]

    def payload(self) -> dict[str, Any]:
        """The fields of `create-token`."""
        said = self.cleaned_data
        payload: dict[str, Any] = {"name": said["name"], "scopes": said["scopes"]}
        payload |= {"expires_in": said["days"] * DAY} if said["days"] else {}
        return payload | ({"user_id": int(said["account"])} if said["account"] else {})


class AccountForm(forms.Form):
    """A user that is a program."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=150)
    description = forms.CharField(label=gettext_lazy("What it is for"), max_length=200, required=False)

    def payload(self) -> dict[str, Any]:
        """The fields of `create-service-account`."""
        return dict(self.cleaned_data)


@needs("sessions_app.add_apitoken")
def new_token(request: HttpRequest) -> HttpResponse:
    """The form; posted, the new token's text."""
    form = TokenForm(_posted(request), initial={"account": request.GET.get("account", "")})
    result = _given(request, "create-token", form)
    if result is None:
        return page(request, "form", _("New token"), form=form)
    token = queries.token_of(context_of(request).actor, UUID(str(result.data["id"])))
    return page(request, "token", _("New token"), token=token, text=(result.once or {})["token"])


@needs("sessions_app.add_serviceaccount")
def new_account(request: HttpRequest) -> HttpResponse:
    """The form; posted, on to its first token."""
    form = AccountForm(_posted(request))
    result = _given(request, "create-service-account", form)
    if result is None:
        return page(request, "form", _("New service account"), form=form)
    return redirect(f"../../tokens/new/?account={result.data['id']}")


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _given(request: HttpRequest, name: str, form: Any) -> CommandResult | None:
    """What the command of a form that was posted and is right answers; what is refused is said beside the form."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        payload = form.payload()
        untrusted.check(payload)
        return bus.execute(bus.registry.command(name, payload), context_of(request))
    except Refused as refusal:
        form.add_error(None, refusal.detail)
        return None
