"""The form that begins a session. Used by `pages`; its model lists are switched by static/parley/begin.js."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from sessions_app.llm import catalog, tools
from sessions_app.models import ProviderKey


class NewSession(forms.Form):
    """What a new session begins with; the rest is configuration."""

    use_required_attribute = False  # a browser cannot point at what stands in a closed <details>; the answer can

    title = forms.CharField(required=False, max_length=200)
    provider = forms.ChoiceField()
    model = forms.CharField(max_length=100)
    tools = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    system_prompt = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = usable_providers()
        named = sorted(settings.LLM_PROVIDERS, key=lambda name: name not in usable)
        self.models = {name: catalog.models_of(name) for name in named}
        provider, model = default_model(usable)
        self.fields["title"].widget.attrs["placeholder"] = "Title (optional)"
        self.fields["provider"] = forms.ChoiceField(
            initial=provider, choices=[(name, name if name in usable else f"{name} (no key)") for name in named]
        )
        self.fields["model"].initial = model
        chosen = self["provider"].value()
        self.fields["model"].widget.attrs |= {"placeholder": "its name", "list": f"models-{chosen}"}
        self.fields["tools"].choices = [(name, _told(name)) for name in tools.default.tools]  # type: ignore[attr-defined]

    @property
    def is_undecided(self) -> bool:
        """Whether somebody has to look at the model before a session can begin."""
        return bool(self.errors) or not self["model"].value()

    def payload(self) -> Mapping[str, Any]:
        """The fields of `create-session`."""
        said = self.cleaned_data
        config = {name: said[name] or None for name in ("provider", "model", "system_prompt", "tools")}
        return {"title": said["title"], "config": config}


class ModelChoice(forms.Form):
    """Who answers in a session from now on. What was configured stays to be chosen, whether it is known here or not."""

    provider = forms.ChoiceField(label=_("Provider"))
    model = forms.CharField(label=_("Model"), max_length=100)

    def __init__(self, provider: str, model: str) -> None:
        super().__init__(prefix="config", initial={"provider": provider, "model": model})
        named = sorted({*settings.LLM_PROVIDERS, provider})
        self.models = {name: catalog.models_of(name) for name in named}
        self.fields["provider"] = forms.ChoiceField(label=_("Provider"), choices=_offered(named))
        self.fields["model"].widget.attrs |= {"list": f"models-{provider}", "autocomplete": "off", "autofocus": True}


def _offered(named: Iterable[str]) -> list[tuple[str, str]]:
    """Those that can be asked first."""
    usable = usable_providers()
    offered = sorted(named, key=lambda name: name not in usable)
    return [(name, name if name in usable else _("%(provider)s (no key)") % {"provider": name}) for name in offered]


def usable_providers() -> set[str]:
    """Those that can be asked: with a key or an address, or without need of either."""
    saved = set(ProviderKey.objects.values_list("provider", flat=True))
    told = {name for known in (settings.LLM_KEYS, settings.LLM_BASE_URLS) for name, value in known.items() if value}
    return {name for name in settings.LLM_PROVIDERS if catalog.kind(name).free} | saved | told


def default_model(usable: set[str]) -> tuple[str, str]:
    """Provider and model to begin with: those of DEFAULT_MODEL; else OpenAI's, where it can be asked, with the model
    left open; else `echo`."""
    if settings.DEFAULT_MODEL:
        provider, _, model = settings.DEFAULT_MODEL.partition(":")
        return provider, model
    return ("openai", "") if "openai" in usable else ("echo", "echo")


def _told(name: str) -> str:
    """A tool as a person chooses it."""
    tool = tools.default.tools[name]
    return f"{name}: {tool.spec.description.partition(chr(10))[0]}{' (asks you first)' if tool.approval else ''}"
