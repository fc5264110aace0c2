"""What is known of models: windows, capabilities, prices. Unknown is None, never a guess (contract, correction 3).

An operator's rows (`ModelEntry`) first, then the provider's own knowledge, then the data set of `genai-prices`, by the
address where the provider is asked: a compatible server elsewhere has windows and prices of its own."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import msgspec
from django.conf import settings
from django.utils.module_loading import import_string
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, TieredPrices

from sessions_app.llm import pricing
from sessions_app.llm.base import Credentials, Provider, Usage
from sessions_app.llm.pricing import FREE, Prices, Rate
from sessions_app.llm.tables import PRICE_PLACES, PRICES
from sessions_app.models import ModelEntry, ProviderKey

REREAD_SECONDS = 2.0
"""How long a process may go on without a row that was changed by another."""
NAMING = frozenset({"pydantic_ai"})
"""Providers whose models are named with the provider who is meant: `google:gemini-2.5-pro`."""
_PLACES = Decimal(1).scaleb(-PRICE_PLACES)

_PUBLISHED = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_hour": "cache_write_1h_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
}


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model at a moment; None is unknown. Sizes are in tokens."""

    provider: str
    model: str
    max_context_window: int | None
    max_output: int | None
    images: bool | None
    tools: bool | None
    streaming: bool | None
    prices: Prices | None


class Rows:
    """The operators' rows, read again every REREAD_SECONDS; safe from any thread, since they are only replaced."""

    def __init__(self) -> None:
        self._read_at = float("-inf")
        self._entries: dict[tuple[str, str], list[ModelEntry]] = {}
        self._addresses: dict[str, str] = {}

    def base_url(self, provider_name: str) -> str:
        """Where the provider is asked (see `keys.py`); empty: at home."""
        self._refresh()
        return self._addresses.get(provider_name, settings.LLM_BASE_URLS.get(provider_name, ""))

    def at(self, provider_name: str, model: str, at: datetime) -> ModelEntry | None:
        """The row of a model that is valid then."""
        self._refresh()
        for entry in self._entries.get((provider_name, model), ()):
            if entry.valid_from <= at and (entry.valid_until is None or at < entry.valid_until):
                return entry
        return None

    def models(self, provider_name: str) -> set[str]:
        """The models of a provider that have a row."""
        self._refresh()
        return {model for provider, model in self._entries if provider == provider_name}

    def _refresh(self) -> None:
        began = time.monotonic()
        if began - self._read_at < REREAD_SECONDS:
            return
        entries: dict[tuple[str, str], list[ModelEntry]] = {}
        for entry in ModelEntry.objects.all():
            entries.setdefault((entry.provider, entry.model), []).append(entry)
        self._addresses = dict(ProviderKey.objects.values_list("provider", "base_url"))
        self._entries, self._read_at = entries, began

    def forget(self) -> None:
        """Read again at the next question."""
        self._read_at = float("-inf")


rows = Rows()
"""The process's copy."""


@cache
def provider(name: str) -> Provider:
    """The provider of that name, without credentials. Raises KeyError when it is not configured."""
    return kind(name)(Credentials())


@cache
def kind(name: str) -> type[Provider]:
    """The class of the provider of that name. Raises KeyError when it is not configured."""
    found: type[Provider] = import_string(settings.LLM_PROVIDERS[name])
    return found


def providers() -> list[str]:
    """The names of the configured providers."""
    return list(settings.LLM_PROVIDERS)


def published(provider_name: str, model: str) -> ModelInfo | None:
    """What `genai-prices` knows of the model."""
    return _found(provider_name, model, rows.base_url(provider_name))


@lru_cache(maxsize=4096)
def _found(provider_name: str, model: str, base_url: str) -> ModelInfo | None:
    if provider_name in NAMING:
        provider_name, _, model = model.partition(":")
    named, asked = (None, base_url) if base_url else (provider_name, None)
    try:
        return get_snapshot().find_provider_model(model, None, named, asked)[1] if model else None
    except LookupError:
        return None


def models_of(provider_name: str) -> list[str]:
    """The names of the provider's models of which something is known."""
    names = rows.models(provider_name)
    if provider_name in settings.LLM_PROVIDERS:
        names |= kind(provider_name).windows.keys()
    with suppress(LookupError):
        if not rows.base_url(provider_name):
            names |= {model.id for model in get_snapshot().find_provider(None, provider_name, None).models}
    return sorted(names)


def known(provider_name: str, model: str, at: datetime | None = None) -> Known:
    """Everything that is known of a model at that moment (default: now)."""
    at = at or datetime.now(UTC)
    row = rows.at(provider_name, model, at)
    return Known(
        provider=provider_name,
        model=model,
        max_context_window=_window(row, provider_name, model),
        max_output=row.max_output if row else None,
        images=row.images if row else None,
        tools=row.tools if row else None,
        streaming=True if provider_name in settings.LLM_PROVIDERS else None,  # the protocol asks it of each
        prices=_prices(row, provider_name, model, at),
    )


def window(provider_name: str, model: str) -> int | None:
    """The model's context window in tokens; None where it is not known."""
    return _window(rows.at(provider_name, model, datetime.now(UTC)), provider_name, model)


def price_of(provider_name: str, model: str, at: datetime) -> Prices | None:
    """What the model costs at that moment, and who says so; None where nothing is known."""
    return _prices(rows.at(provider_name, model, at), provider_name, model, at)


def cost(provider_name: str, model: str, usage: Usage, at: datetime) -> Decimal | None:
    """What one call at that moment cost, in USD, exactly; None where a price that it needs is not known."""
    return pricing.cost(usage, price_of(provider_name, model, at))


def _window(row: ModelEntry | None, provider_name: str, model: str) -> int | None:
    if row is not None and row.max_context_window is not None:
        return row.max_context_window
    if provider_name in settings.LLM_PROVIDERS and model in kind(provider_name).windows:
        return kind(provider_name).windows[model]
    found = published(provider_name, model)
    return found.context_window if found else None


def _prices(row: ModelEntry | None, provider_name: str, model: str, at: datetime) -> Prices | None:
    """The row's prices over those the provider or the data set knows."""
    if provider_name in settings.LLM_PROVIDERS and kind(provider_name).free:
        base: Prices | None = FREE
    else:
        base = _published_prices(provider_name, model, at)
    said = {} if row is None else {name: getattr(row, name) for name in PRICES}
    rates = {name.removesuffix("_price"): Rate(price) for name, price in said.items() if price is not None}
    if not rates:
        return base
    if "cache_write" in rates:
        rates["cache_write_hour"] = rates["cache_write"]  # the operator has one price for both
    if base is FREE and "output" in rates:
        rates.setdefault("reasoning", rates["output"])
    return msgspec.structs.replace(base or Prices(source="row"), **rates, source="row")


def _published_prices(provider_name: str, model: str, at: datetime) -> Prices | None:
    found = published(provider_name, model)
    if found is None or not found.prices:
        return None
    prices = found.get_prices(at)
    rates = {name: _rate(getattr(prices, key)) for name, key in _PUBLISHED.items()}
    calls = _rate(prices.requests_kcount)
    if calls is not None:
        rates["request"] = Rate(calls.base * 1000)
    return Prices(**rates, source="genai-prices")  # type: ignore[arg-type]


def _rate(price: Any) -> Rate | None:
    """The data set's price at our resolution: some of its numbers were floats once (0.18000000000000002)."""
    if price is None:
        return None
    if isinstance(price, TieredPrices):
        return Rate(_rounded(price.base), tuple((tier.start, _rounded(tier.price)) for tier in price.tiers))
    return Rate(_rounded(price))


def _rounded(price: Decimal) -> Decimal:
    return price.quantize(_PLACES).normalize() if -int(price.as_tuple().exponent) > PRICE_PLACES else price
