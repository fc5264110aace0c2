"""Decides about token metrics counted by hand, and about new prices for old usage; runs count their own."""

from decimal import Decimal
from typing import Any

import msgspec

from bus.exceptions import Invalid
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, events, metrics, queries
from sessions_app.llm import catalog
from sessions_app.models import Session, UsageEntry
from sessions_app.values import NewCost

MOST_TOKENS = 2**53
"""What every client can count to (RFC 8259, section 6), and far below the column's bigint."""
REPRICED_AT_ONCE = 500
"""Entries of the ledger in one command; also bounds the event."""


@handles(commands.UpdateTokenMetrics)
def update_token_metrics(command: commands.UpdateTokenMetrics, context: Context) -> Any:
    """The totals after adding; the session's lock is held, so they cannot be overtaken."""
    session = Session.objects.get(id=command.session_id)
    decided = list(
        metrics.counted(session, command.prompt_tokens, command.completion_tokens, context=command.context_tokens)
    )
    assert isinstance(decided[0], events.TokenMetricsUpdated)
    totals = decided[0].metrics
    many = max(totals.total_tokens, totals.context_tokens) > MOST_TOKENS
    if many or (totals.estimated_cost or 0) >= metrics.MOST_USD:
        raise Invalid("The session's totals would grow beyond what can be kept.")
    yield from decided
    return msgspec.to_builtins(totals)


@handles(commands.RepriceSession)
def reprice_session(command: commands.RepriceSession, context: Context) -> Any:
    """Only what comes out different is recorded, so a second time changes nothing. A known cost never gets lost."""
    page = _page(command)
    priced = [(entry, catalog.cost(entry.provider, entry.model, entry.usage, entry.at)) for entry in page]
    changed = [NewCost(usage_id=e.id, before=e.cost, cost=cost) for e, cost in priced if cost not in (None, e.cost)]
    difference = sum((entry.cost - (entry.before or 0) for entry in changed), Decimal(0))
    if changed and not command.dry_run:
        total = metrics.repriced(Session.objects.get(id=command.session_id), changed, difference)
        yield events.SessionRepriced(entries=changed, difference=difference, estimated_cost=total)
    return {
        "examined": len(page),
        "changed": len(changed),
        "unknown": sum(1 for entry, cost in priced if cost is None and entry.cost is None),
        "difference": difference,
        "next": page[-1].id if len(page) == REPRICED_AT_ONCE else None,
    }


def _page(command: commands.RepriceSession) -> list[UsageEntry]:
    entries = queries.usage_to_price(
        priced_too=command.all, since=command.since, provider=command.provider, model=command.model
    ).filter(session_id=command.session_id)
    if command.after is not None:
        entries = entries.filter(id__gt=command.after)
    return list(entries.order_by("id")[:REPRICED_AT_ONCE])
