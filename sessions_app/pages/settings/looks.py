"""How pages look and which language they speak: the browser's choice. Who can be asked here: the operator's."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from sessions_app.forms import default_model, usable_providers
from sessions_app.llm import catalog
from sessions_app.pages.settings.base import SettingsPage


class DisplayPage(SettingsPage):
    """`settings/display/`: theme and language, of this browser. Their forms go to `theme/` and Django's view."""

    here = "settings-display"
    template = "settings/display.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """The choices."""
        return self.shown(request, languages=settings.LANGUAGES)


class ProvidersPage(SettingsPage):
    """`settings/providers/`: who can be asked. Keys are the operator's, and never shown."""

    here = "settings-providers"
    template = "settings/providers.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Those that can be asked first."""
        usable = usable_providers()
        rows: list[dict[str, Any]] = [
            {"name": name, "usable": name in usable, "free": catalog.kind(name).free, "models": catalog.models_of(name)}
            for name in sorted(settings.LLM_PROVIDERS, key=lambda name: (name not in usable, name))
        ]
        provider, model = default_model(usable)
        return self.shown(request, providers=rows, default=f"{provider}/{model}" if model else provider)
