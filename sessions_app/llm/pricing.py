"""The arithmetic of cost: tokens in buckets times the price of each. Exact: Decimal throughout, no rounding.

Pure; `catalog.py` finds the prices."""

from decimal import Context, Decimal, Inexact, localcontext
from typing import Literal

import msgspec

from sessions_app.llm.base import Usage

PER = -6
"""Prices are for a million (10^6) tokens."""
MOST = 2**53
"""Tokens: as many as one likes."""
_EXACT = Context(prec=80, traps=[Inexact])
"""Enough for any number of tokens (int64) at any price a column holds, and loud where it were not."""

Source = Literal["row", "genai-prices", "provider"]


class Rate(msgspec.Struct, frozen=True):
    """A price in USD per million. Above a tier's number of prompt tokens, the whole request costs the tier's price
    (the providers' rule; https://ai.google.dev/gemini-api/docs/pricing)."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()
    """(tokens, price), ascending."""

    def at(self, prompt_tokens: int) -> Decimal:
        """The price for a request of that size."""
        price = self.base
        for above, tier in self.tiers:
            if prompt_tokens > above:
                price = tier
        return price


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs, for one moment. None is unknown. `request` is for a million calls, and nothing if unsaid.

    `cache_write_hour` is for what is kept an hour instead of minutes; `source` is where the prices are from."""

    input: Rate | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_hour: Rate | None = None
    output: Rate | None = None
    reasoning: Rate | None = None
    request: Rate = Rate(Decimal(0))
    source: Source

    @property
    def reasons(self) -> Rate | None:
        """Reasoning is output unless it has a price of its own."""
        return self.output if self.reasoning is None else self.reasoning


FREE = Prices(**{name: Rate(Decimal(0)) for name in Prices.__struct_fields__ if name != "source"}, source="provider")


def cost(usage: Usage, prices: Prices | None) -> Decimal | None:
    """What one call cost in USD; None where a price is unknown that the call needs. Nothing used costs nothing, but a
    provider's block that nobody could read is not nothing."""
    if prices is FREE:
        return Decimal(0)
    if not usage.prompt_tokens and not usage.completion_tokens:
        return None if usage.raw else Decimal(0)
    if prices is None:
        return None
    written_for_an_hour = _hour_writes(usage)
    buckets = (
        (usage.input_tokens, prices.input),
        (usage.cache_read_tokens, prices.cache_read),
        (usage.cache_write_tokens - written_for_an_hour, prices.cache_write),
        (written_for_an_hour, prices.cache_write_hour),
        (usage.output_tokens, prices.output),
        (usage.reasoning_tokens, prices.reasons),
    )
    with localcontext(_EXACT):
        total = prices.request.at(0)
        for tokens, rate in buckets:
            if not tokens:
                continue
            if rate is None:
                return None
            total += rate.at(usage.prompt_tokens) * tokens
        return total.scaleb(PER)


def _hour_writes(usage: Usage) -> int:
    """Tokens written to a cache for an hour, which cost more; said in the raw block only
    (https://docs.claude.com/en/docs/build-with-claude/prompt-caching, "1-hour cache duration")."""
    said = usage.raw.get("cache_creation")
    tokens = said.get("ephemeral_1h_input_tokens") if isinstance(said, dict) else None
    return min(tokens, usage.cache_write_tokens) if isinstance(tokens, int) and tokens > 0 else 0


def answer_for(usd: Decimal, prompt_tokens: int, prices: Prices) -> int | None:
    """The tokens of answer that so many USD pay for after such a prompt (negative: not even for that one); None where
    a price is unknown."""
    asked = cost(Usage(input_tokens=prompt_tokens), prices)
    if asked is None or prices.output is None or prices.reasons is None:
        return None
    rate = max(prices.output.at(prompt_tokens), prices.reasons.at(prompt_tokens))
    left = usd - asked
    if left < 0:
        return -1
    return MOST if not rate else int(min(left.scaleb(-PER) / rate, Decimal(MOST)))
