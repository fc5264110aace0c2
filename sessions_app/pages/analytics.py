"""`analytics/`: what one's sessions used, drawn by the server: no script is needed to read it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views import View

from bus.messages import Actor
from sessions_app import analytics, queries
from sessions_app.pages import usage
from sessions_app.pages.common import actor_of

DAYS = 30
MOST_DAYS = 366
SPANS = (7, 30, 90, 366)
GROUPS = {"model": ["provider", "model"], "provider": ["provider"], "session": ["session"]}


class Asked(forms.Form):
    """Which days of which use, as the address says. `since` is spelled `from` there."""

    since = forms.DateField(required=False, label=_("From"))
    to = forms.DateField(required=False, label=_("To"))
    group = forms.ChoiceField(
        required=False,
        label=_("Compare"),
        choices=[("model", _("models")), ("provider", _("providers")), ("session", _("sessions"))],
    )
    provider = forms.CharField(required=False, max_length=100, label=_("Provider"), strip=False)
    model = forms.CharField(required=False, max_length=100, label=_("Model"), strip=False)
    session = forms.UUIDField(required=False)

    def clean(self) -> dict[str, Any]:
        """Both days, whichever were given."""
        said: dict[str, Any] = super().clean() or {}
        last = said.get("to") or _today()
        first = said.get("since") or max(last, date.min + timedelta(DAYS)) - timedelta(DAYS - 1)
        if first > last:
            self.add_error("since", gettext("The first day is after the last one."))
        elif (last - first).days >= MOST_DAYS:
            text = ngettext("At most %(days)s day can be shown.", "At most %(days)s days can be shown.", MOST_DAYS)
            self.add_error("since", text % {"days": MOST_DAYS})
        return said | {"since": first, "to": last, "group": said.get("group") or "model"}

    def asked_by(self, actor: Actor) -> analytics.Asked:
        """It, as `analytics` takes it; what was wrong is as if it had not been said."""
        usual = {"since": _today() - timedelta(DAYS - 1), "to": _today()}
        said: dict[str, Any] = self.cleaned_data if self.is_valid() else usual
        only = {name: said[name] for name in ("provider", "model", "session") if said.get(name)}
        keys = GROUPS[said.get("group", "model")]
        return analytics.Asked(int(actor.id), said["since"], said["to"], keys, usage.MOST_GROUPS, only)


class AnalyticsPage(LoginRequiredMixin, View):
    """`analytics/`"""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page; what it is about stands in the address."""
        actor = actor_of(request)
        form = Asked({**request.GET.dict(), "since": request.GET.get("from", "")})
        asked = form.asked_by(actor)
        shown, number = usage.groups(actor, asked)
        known = usage.models_used(asked)
        context = {
            "place": "analytics",
            "form": form,
            "asked": asked,
            "total": usage.total(asked),
            "plots": usage.plots(asked),
            "groups": [(group, _address(asked, **group.filter)) for group in shown],
            "left_out": number - len(shown),
            "spans": [(days, _address(asked, **_span(days)), _is(asked, days)) for days in SPANS],
            "providers": sorted({provider for provider, _model in known}),
            "models": sorted({model for _provider, model in known}),
            "session": _session(actor, asked),
            "without_session": _address(asked, session=""),
            "files": [(kind, _address(asked, format=kind)) for kind in ("csv", "json")],
        }
        return render(request, "analytics/page.html", context, status=200 if form.is_valid() else 422)


def _today() -> date:
    return datetime.now(UTC).date()


def _span(days: int) -> dict[str, str]:
    return {"from": (_today() - timedelta(days - 1)).isoformat(), "to": _today().isoformat()}


def _is(asked: analytics.Asked, days: int) -> bool:
    return (asked.first.isoformat(), asked.last.isoformat()) == tuple(_span(days).values())


def _address(asked: analytics.Asked, **changed: str) -> str:
    """The query of this page, or of REST with a `format`, with some of it changed."""
    group = asked.keys[-1]
    said = {"from": asked.first, "to": asked.last, "group": group, **asked.only, **changed}
    if "format" in changed:
        said["group"] = "day" if group == "total" else ",".join(("day", *asked.keys))
    return urlencode({name: str(value) for name, value in said.items() if str(value)})


def _session(actor: Actor, asked: analytics.Asked) -> dict[str, Any] | None:
    """The session the page is about, as far as it is one's own."""
    if "session" not in asked.only:
        return None
    titles = dict(queries.own_of(actor).filter(id=asked.only["session"]).values_list("id", "title"))
    return {"id": asked.only["session"], "title": titles.get(asked.only["session"])}
