"""The arithmetic of cost: exact, additive, the sum of its buckets; unknown where a needed price is."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from sessions_app.llm import catalog, pricing
from sessions_app.llm.base import Usage
from sessions_app.llm.pricing import FREE, Prices, Rate
from sessions_app.llm.tables import COST_PLACES, PRICE_PLACES

BUCKETS = ("input", "cache_read", "cache_write", "output", "reasoning")
MOST = 2**63 - 1

tokens = st.one_of(st.integers(0, 100_000), st.integers(0, MOST))
price = st.decimals(0, 10**8, places=PRICE_PLACES, allow_nan=False, allow_infinity=False).filter(lambda p: p < 10**8)
usages = st.builds(Usage, **{f"{name}_tokens": tokens for name in BUCKETS})
rates = st.builds(Rate, price)
flat = st.builds(Prices, **dict.fromkeys(BUCKETS, rates), source=st.just("row"))


def plus(one: Usage, other: Usage) -> Usage:
    return Usage(**{f"{n}_tokens": getattr(one, f"{n}_tokens") + getattr(other, f"{n}_tokens") for n in BUCKETS})


def cost(usage: Usage, prices: Prices) -> Decimal:
    found = pricing.cost(usage, prices)
    assert found is not None
    return found


@given(usages, flat)
def test_a_cost_is_the_exact_sum_of_its_buckets(usage: Usage, prices: Prices) -> None:
    exact = sum(
        Fraction(getattr(usage, f"{name}_tokens")) * Fraction(getattr(prices, name).base) / 1_000_000
        for name in BUCKETS
    )
    assert Fraction(cost(usage, prices)) == exact


@given(usages, usages, flat)
def test_costs_add_up(one: Usage, other: Usage, prices: Prices) -> None:
    whole = Fraction(cost(plus(one, other), prices))
    assert whole == Fraction(cost(one, prices)) + Fraction(cost(other, prices))


@given(usages, flat)
def test_every_cost_fits_its_column_without_rounding(usage: Usage, prices: Prices) -> None:
    exponent = cost(usage, prices).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    assert -exponent <= COST_PLACES


@given(usages, flat, st.sampled_from(BUCKETS))
def test_a_cost_is_unknown_exactly_where_a_needed_price_is(usage: Usage, prices: Prices, name: str) -> None:
    without = msgspec.structs.replace(prices, **{name: None})
    if name == "reasoning":  # then it is output
        expected: Any = cost(usage, msgspec.structs.replace(prices, reasoning=prices.output))
    else:
        expected = None if getattr(usage, f"{name}_tokens") else cost(usage, prices)
    assert pricing.cost(usage, without) == expected


@given(usages)
def test_what_is_free_costs_nothing(usage: Usage) -> None:
    assert cost(usage, FREE) == 0


def test_nothing_used_costs_nothing_even_of_the_unknown() -> None:
    assert pricing.cost(Usage(), None) == 0
    assert pricing.cost(Usage(input_tokens=1), None) is None


def test_a_block_that_could_not_be_read_is_not_nothing() -> None:
    unread = Usage(raw={"tokens": "what is this"})
    assert pricing.cost(unread, Prices(input=Rate(Decimal(1)), source="row")) is None
    assert pricing.cost(unread, FREE) == 0


def test_reasoning_has_its_own_price_or_is_output() -> None:
    prices = Prices(output=Rate(Decimal(2)), source="row")
    usage = Usage(output_tokens=500_000, reasoning_tokens=500_000)
    assert cost(usage, prices) == 2
    assert cost(usage, msgspec.structs.replace(prices, reasoning=Rate(Decimal(4)))) == 3


def test_a_tier_holds_for_the_whole_request_once_it_is_passed() -> None:
    tiered = Rate(Decimal(1), ((200_000, Decimal(2)), (400_000, Decimal(3))))
    prices = Prices(input=tiered, cache_read=Rate(Decimal(0)), source="row")
    assert cost(Usage(input_tokens=200_000), prices) == Decimal("0.2")
    assert cost(Usage(input_tokens=200_001), prices) == Decimal("0.400002")
    assert cost(Usage(input_tokens=100_000, cache_read_tokens=300_001), prices) == Decimal("0.3")


def test_what_is_cached_for_an_hour_has_its_own_price() -> None:
    prices = Prices(cache_write=Rate(Decimal(1)), cache_write_hour=Rate(Decimal(3)), source="row")
    raw = {"cache_creation": {"ephemeral_5m_input_tokens": 600_000, "ephemeral_1h_input_tokens": 400_000}}
    assert cost(Usage(cache_write_tokens=1_000_000, raw=raw), prices) == Decimal("1.8")
    assert (
        pricing.cost(Usage(cache_write_tokens=1, raw=raw), msgspec.structs.replace(prices, cache_write_hour=None))
        is None
    )


@pytest.mark.parametrize(
    "nonsense", [None, 5, "x", {"ephemeral_1h_input_tokens": "many"}, {"ephemeral_1h_input_tokens": -4}]
)
def test_a_strange_raw_block_is_not_priced(nonsense: Any) -> None:
    prices = Prices(cache_write=Rate(Decimal(1)), source="row")
    assert cost(Usage(cache_write_tokens=1_000_000, raw={"cache_creation": nonsense}), prices) == 1


MODELS = [
    *(("openai", name) for name in ("gpt-4", "gpt-4o", "gpt-4o-mini", "o3", "gpt-5")),
    *(("anthropic", name) for name in ("claude-3-opus", "claude-sonnet-4-5", "claude-3-5-haiku-latest")),
    *(("google", name) for name in ("gemini-2.5-pro", "gemini-2.5-flash")),
    ("deepseek", "deepseek-chat"),
    ("perplexity", "sonar"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("provider", "model"), MODELS)
@pytest.mark.parametrize("at", [datetime(2025, 1, 1, 3, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC)])
@pytest.mark.parametrize("size", [1, 199_999, 200_001, 3_000_000])
def test_our_costs_are_those_of_genai_prices(provider: str, model: str, at: datetime, size: int) -> None:
    known = catalog.price_of(provider, model, at)
    assert known is not None
    usage = Usage(
        input_tokens=size,
        cache_read_tokens=7 if known.cache_read else 0,
        cache_write_tokens=5 if known.cache_write else 0,
        output_tokens=11,
        reasoning_tokens=3,
    )
    theirs = TheirUsage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.completion_tokens,
    )
    calculated = calc_price(theirs, model_ref=model, provider_id=provider, genai_request_timestamp=at)
    assert catalog.cost(provider, model, usage, at) == calculated.total_price
