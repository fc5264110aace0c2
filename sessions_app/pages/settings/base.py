"""What the pages of settings share: their list, and who may see them."""

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache

PAGES = (
    ("settings", _("Profile")),
    ("settings-tokens", _("Tokens")),
    ("settings-providers", _("Providers")),
    ("settings-display", _("Display")),
    ("settings-log", _("Account log")),
)
"""Their addresses' names, as the tabs show them."""


@method_decorator(never_cache, name="dispatch")
class SettingsPage(LoginRequiredMixin, View):
    """One of them: `here` says which, `template` how it looks."""

    here: str
    template: str

    def shown(self, request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
        """The page with the tabs around it."""
        return render(
            request, self.template, {"here": self.here, "pages": PAGES, "place": "settings", **context}, status=status
        )
