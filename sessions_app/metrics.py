"""The arithmetic of token metrics: additive totals, occupancy of the last request, crossings. Exact: Decimal, no float
for money. Called by handlers, under the session's lock."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Sum
from msgspec import UNSET

from bus.messages import Event
from sessions_app import events
from sessions_app.llm import catalog
from sessions_app.llm.base import Usage
from sessions_app.models import Session, UsageEntry
from sessions_app.values import MetricsPatch, NewCost

THRESHOLDS = (0.80, 0.95)
"""Shares of the window whose crossing is told, once each way up (contract, correction 4)."""


MOST_USD = 10**10
MOST_TOKENS = 2**62
"""What the columns of the totals hold."""


class Source(NamedTuple):
    """Which model of which provider used tokens, and in which run, if it was one."""

    provider: str
    model: str
    run_id: UUID | None = None


class Added(NamedTuple):
    """What is to be added to a session's totals. `cost` None: unknown. `occupied`: tokens of the window in use now."""

    prompt: int
    completion: int
    cost: Decimal | None
    occupied: int
    source: Source | None = None
    usage: Usage | None = None


def used(session: Session, usage: Usage, source: Source, *, context: int | None = None) -> Iterator[Event]:
    """A call used tokens: what the totals come to, and a warning where a threshold is crossed.

    One call at a time: prices may depend on its size. `context` is what the request occupied (None: occupancy grows by
    the tokens given; correction 1)."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    cost = catalog.cost(source.provider, source.model, usage, datetime.now(UTC))
    occupied = session.context_tokens + prompt + completion if context is None else context
    yield from _updated(session, Added(prompt, completion, cost, occupied, source, usage))


def counted(
    session: Session, prompt: int, completion: int, *, context: int | None = None, run_id: UUID | None = None
) -> Iterator[Event]:
    """As `used`, where no more is known than how many tokens went in and came out, of the session's model."""
    usage = Usage(input_tokens=prompt, output_tokens=completion)
    yield from used(session, usage, Source(session.provider, session.model, run_id), context=context)


def corrected(session: Session, patch: MetricsPatch) -> Iterator[Event]:
    """The totals set to given values, recorded as the difference so that metrics stay additive. Costs nothing."""
    prompt = 0 if patch.prompt_tokens is UNSET else patch.prompt_tokens - session.prompt_tokens
    completion = 0 if patch.completion_tokens is UNSET else patch.completion_tokens - session.completion_tokens
    occupied = session.context_tokens if patch.context_tokens is UNSET else patch.context_tokens
    yield from _updated(session, Added(prompt, completion, Decimal(0), occupied))


def repriced(session: Session, entries: Sequence[NewCost], difference: Decimal) -> Decimal | None:
    """What the session's cost comes to with these new costs; None as long as another entry's is unknown."""
    if session.estimated_cost is not None:
        return session.estimated_cost + difference
    others = UsageEntry.objects.filter(session=session).exclude(id__in=[entry.usage_id for entry in entries])
    if others.filter(cost__isnull=True).exists():
        return None
    known: Decimal = others.aggregate(known=Sum("cost", default=Decimal(0)))["known"]
    return known + sum(entry.cost for entry in entries)


def _updated(session: Session, added: Added) -> Iterator[Event]:
    """Counts in the handler's copy of the row too: what the same handler counts next comes on top of it."""
    before, window, known = session.context_tokens, session.max_context_window, session.estimated_cost
    of_run = added.source is not None and added.source.run_id is not None
    if of_run and added.cost is not None and added.cost + (known or 0) >= MOST_USD:
        added = added._replace(cost=None)  # not a price anybody pays: unknown, rather than a run that cannot end
    added = added._replace(
        prompt=min(added.prompt, MOST_TOKENS - session.prompt_tokens),
        completion=min(added.completion, MOST_TOKENS - session.completion_tokens),
    )
    session.prompt_tokens += added.prompt
    session.completion_tokens += added.completion
    session.estimated_cost = None if added.cost is None or known is None else known + added.cost
    session.context_tokens = added.occupied
    yield events.TokenMetricsUpdated(
        prompt_tokens=added.prompt,
        completion_tokens=added.completion,
        cost=added.cost,
        context_tokens=added.occupied,
        metrics=session.metrics,
        run_id=added.source.run_id if added.source else None,
        provider=added.source.provider if added.source else None,
        model=added.source.model if added.source else None,
        usage=added.usage,
    )
    crossed = threshold_crossed(before, added.occupied, window)
    if crossed is not None and window is not None:
        share = added.occupied / window
        yield events.ContextWindowCritical(utilization=share, max_context_window=window, threshold=crossed)


def threshold_crossed(before: int, after: int, window: int | None) -> float | None:
    """The highest threshold that lies above the occupancy before and below the one after; None without a window."""
    if not window:
        return None
    crossed = [share for share in THRESHOLDS if before <= share * window < after]
    return max(crossed) if crossed else None
