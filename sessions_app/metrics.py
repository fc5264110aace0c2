"""The arithmetic of token metrics: additive totals, occupancy of the last request, crossings. Exact: Decimal, no float
for money. Called by handlers, under the session's lock."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from msgspec import UNSET

from bus.messages import Event
from sessions_app import events
from sessions_app.llm import catalog
from sessions_app.models import Session
from sessions_app.values import MetricsPatch, TokenMetrics

THRESHOLDS = (0.80, 0.95)
"""Shares of the window whose crossing is told, once each way up (contract, correction 4)."""


class Usage(NamedTuple):
    """What is to be added to a session's totals. `cost` None: unknown. `occupied`: tokens of the window in use now."""

    prompt: int
    completion: int
    cost: Decimal | None
    occupied: int
    run_id: UUID | None = None


def counted(
    session: Session, prompt: int, completion: int, *, context: int | None = None, run_id: UUID | None = None
) -> Iterator[Event]:
    """Tokens were used: what the totals come to, and a warning where a threshold is crossed.

    `context` is what the request occupied; without it the occupancy grows by the tokens given (correction 1)."""
    cost = catalog.cost(session.provider, session.model, prompt, completion)
    occupied = session.context_tokens + prompt + completion if context is None else context
    yield from _updated(session, Usage(prompt, completion, cost, occupied, run_id))


def corrected(session: Session, patch: MetricsPatch) -> Iterator[Event]:
    """The totals set to given values, recorded as the difference so that metrics stay additive. Costs nothing."""
    prompt = 0 if patch.prompt_tokens is UNSET else patch.prompt_tokens - session.prompt_tokens
    completion = 0 if patch.completion_tokens is UNSET else patch.completion_tokens - session.completion_tokens
    occupied = session.context_tokens if patch.context_tokens is UNSET else patch.context_tokens
    yield from _updated(session, Usage(prompt, completion, Decimal(0), occupied))


def _updated(session: Session, usage: Usage) -> Iterator[Event]:
    window = session.max_context_window
    known = session.estimated_cost
    total = None if usage.cost is None or known is None else known + usage.cost
    yield events.TokenMetricsUpdated(
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cost=usage.cost,
        context_tokens=usage.occupied,
        metrics=TokenMetrics.of(
            session.prompt_tokens + usage.prompt,
            session.completion_tokens + usage.completion,
            total,
            usage.occupied,
            window,
        ),
        run_id=usage.run_id,
    )
    crossed = threshold_crossed(session.context_tokens, usage.occupied, window)
    if crossed is not None and window is not None:
        share = usage.occupied / window
        yield events.ContextWindowCritical(utilization=share, max_context_window=window, threshold=crossed)


def threshold_crossed(before: int, after: int, window: int | None) -> float | None:
    """The highest threshold that lies above the occupancy before and below the one after; None without a window."""
    if not window:
        return None
    crossed = [share for share in THRESHOLDS if before <= share * window < after]
    return max(crossed) if crossed else None
