"""What is known of models: windows and prices. Unknown is None, never a guess (contract, correction 3).

A provider's own knowledge first, then the `genai-prices` data set that ships with its package."""

from decimal import Decimal
from functools import cache, lru_cache

from django.conf import settings
from django.utils.module_loading import import_string
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot

from sessions_app.llm.base import Provider


@cache
def provider(name: str) -> Provider:
    """The provider of that name. Raises KeyError when it is not configured."""
    made: Provider = import_string(settings.LLM_PROVIDERS[name])()
    return made


@lru_cache(maxsize=1024)
def window(provider_name: str, model: str) -> int | None:
    """The model's context window in tokens; None where it is not known."""
    if provider_name in settings.LLM_PROVIDERS and model in provider(provider_name).windows:
        return provider(provider_name).windows[model]
    try:
        _, known = get_snapshot().find_provider_model(model, None, provider_name, None)
    except LookupError:
        return None
    return known.context_window


def cost(provider_name: str, model: str, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
    """What the tokens cost, in USD, exactly; None where the price is not known."""
    if provider_name in settings.LLM_PROVIDERS and provider(provider_name).free:
        return Decimal(0)
    usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
    try:
        return calc_price(usage, model_ref=model, provider_id=provider_name).total_price
    except LookupError:
        return None
