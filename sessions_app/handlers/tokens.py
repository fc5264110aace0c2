"""Decides about token metrics counted by hand; runs count their own."""

from typing import Any

import msgspec

from bus.exceptions import Invalid
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, events, metrics
from sessions_app.models import Session

MOST_TOKENS = 2**53
"""What every client can count to (RFC 8259, section 6), and far below the column's bigint."""
MOST_USD = 10**10
"""What the column `Session.estimated_cost` holds: ten digits before the point."""


@handles(commands.UpdateTokenMetrics)
def update_token_metrics(command: commands.UpdateTokenMetrics, context: Context) -> Any:
    """The totals after adding; the session's lock is held, so they cannot be overtaken."""
    session = Session.objects.get(id=command.session_id)
    decided = list(
        metrics.counted(session, command.prompt_tokens, command.completion_tokens, context=command.context_tokens)
    )
    assert isinstance(decided[0], events.TokenMetricsUpdated)
    totals = decided[0].metrics
    if max(totals.total_tokens, totals.context_tokens) > MOST_TOKENS or (totals.estimated_cost or 0) >= MOST_USD:
        raise Invalid("The session's totals would grow beyond what can be kept.")
    yield from decided
    return msgspec.to_builtins(totals)
