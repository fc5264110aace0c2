"""Models by the names that OpenAI's clients give: `provider:model`, or a model's name alone."""

from typing import Any

from django.conf import settings

from sessions_app.forms import default_model, usable_providers
from sessions_app.llm import catalog
from sessions_app.openai_front.errors import no_model

LONGEST = 100


def of(name: str) -> tuple[str, str]:
    """Provider and model. A bare name is a model of the default provider if that knows it, else of the first provider
    that can be asked and does; where none does, of the one that DEFAULT_MODEL names. Raises FrontError."""
    provider, colon, model = name.partition(":")
    if "\x00" in name or not name.strip():
        raise no_model(name)
    if colon and provider in settings.LLM_PROVIDERS and 0 < len(model) <= LONGEST:
        return provider, model
    usable = usable_providers()
    default, named = default_model(usable)
    for one in (default, *sorted(usable - {default})):
        if (one, name) == (default, named) or name in catalog.models_of(one):
            return one, name
    if settings.DEFAULT_MODEL and len(name) <= LONGEST:
        return default, name
    raise no_model(name)


def listed() -> list[dict[str, Any]]:
    """The models of the providers that can be asked, as far as they are known."""
    usable = usable_providers()
    names = [(one, model) for one in sorted(usable) for model in catalog.models_of(one)]
    default = default_model(usable)
    if default[1] and default not in names:
        names.insert(0, default)
    return [shown(f"{provider}:{model}", provider) for provider, model in names]


def shown(name: str, provider: str) -> dict[str, Any]:
    """One model. Nobody says when it was made."""
    return {"id": name, "object": "model", "created": 0, "owned_by": provider}
