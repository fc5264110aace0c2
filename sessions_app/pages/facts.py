"""What is known of an answer beside its words: who spoke, tokens, cost, how long it took. Called by `transcript`."""

from collections.abc import Iterator
from decimal import Decimal

from django.utils.translation import gettext

from sessions_app.models import Run


def of(run: Run) -> list[tuple[str, str]]:
    """Names and values; what nobody knows is called unknown. While a run is at work they are those so far."""
    return list(_facts(run))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield gettext("Model"), f"{run.provider}/{run.model}"
    yield gettext("Tokens read"), _count(run.prompt_tokens)
    yield gettext("Tokens written"), _count(run.completion_tokens)
    yield gettext("Cost"), _dollars(run.cost)
    yield gettext("First words after"), _seconds(run.first_token)
    if run.started_at and run.finished_at:
        yield gettext("Took"), _seconds((run.finished_at - run.started_at).total_seconds())
    yield gettext("Waited"), _seconds((run.started_at - run.queued_at).total_seconds() if run.started_at else None)


def _dollars(cost: Decimal | None) -> str:
    if cost is None:
        return gettext("unknown")
    return f"${cost:.4f}" if not cost or cost >= Decimal("0.01") else f"${cost:.6f}"


def _count(tokens: int | None) -> str:
    return gettext("unknown") if tokens is None else f"{tokens:,}"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return gettext("unknown")
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
