"""What happened to one's account: its own log, newest first."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from bus.bus import bus
from bus.log import store
from bus.models import Stream
from sessions_app.accounts.streams import stream_of
from sessions_app.pages.common import whole_number
from sessions_app.pages.settings.base import SettingsPage

EVENTS = 50
SAID = {
    "login-succeeded": _("Logged in"),
    "login-failed": _("A wrong password was given"),
    "logged-out": _("Logged out"),
    "password-changed": _("The password was changed"),
    "account-disabled": _("The account was disabled"),
    "account-enabled": _("The account was enabled again"),
    "service-account-created": _("The account was made, for a program"),
    "token-created": _("A token was made"),
    "token-revoked": _("A token was revoked"),
    "setting-changed": _("Something was changed in the console"),
}
GRAVE = frozenset({"login-failed", "password-changed", "account-disabled"})
"""What one should know of if it was not oneself."""


class LogPage(SettingsPage):
    """`settings/log/`"""

    here = "settings-log"
    template = "settings/log.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """A page of it; `before` is the version of the last line of the page before."""
        assert request.user.pk is not None
        stream = stream_of(request.user.pk)
        before = whole_number(request.GET.get("before", ""))
        if before is not None:
            head = before - 1
        else:
            head = Stream.objects.filter(id=stream).values_list("version", flat=True).first() or 0
        first = max(0, head - EVENTS)
        page = store.read(bus.registry, stream, after=first, until=head, limit=EVENTS)
        return self.shown(
            request, events=[_line(event) for event in reversed(page)], older=first + 1 if first else None
        )


def _line(event: Any) -> dict[str, Any]:
    data = event.fields()
    return {
        "said": SAID.get(event.type, event.type),
        "about": data.get("name") or data.get("address") or "",
        "when": event.recorded_at,
        "grave": event.type in GRAVE,
    }
