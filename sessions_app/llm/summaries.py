"""Summaries the context planner wants, asked of the run's own model; and what a plan leaves out, for the log."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.llm import asking, clients
from sessions_app.llm.asking import Prepared
from sessions_app.llm.base import ProviderError, Request, Usage
from sessions_app.llm.context.plan import Plan
from sessions_app.llm.context.summarize import flaw
from sessions_app.llm.streaming import Quiet
from sessions_app.models import Run

logger = logging.getLogger(__name__)

MOST_ROUNDS = 3
"""Summaries asked for before one answer."""


def left_out(plan: Plan) -> dict[str, int]:
    """How many messages are not sent as they are, by what became of them."""
    return dict(Counter(decision.outcome for decision in plan.decisions if decision.outcome != "kept"))


def record(held: Lease, plan: Plan, left: dict[str, int]) -> commands.RecordPlan:
    """The command that says so in the log."""
    return commands.RecordPlan(
        session_id=held.stream,
        run_id=held.id,
        strategy=plan.strategy,
        method=plan.method,
        tokens=plan.tokens,
        budget=plan.budget,
        left_out=left,
    )


async def made(held: Lease, prepared: Prepared, provider: str) -> commands.RecordSummary | None:
    """The summary, as a command; without a text, where what came is not to be trusted: it was billed all the same.
    None where nothing came."""
    wanted = prepared.plan.wanted_summary
    assert wanted is not None
    request = Request(
        model=prepared.request.model,
        turns=wanted.turns,
        max_tokens=wanted.max_tokens,
        options=prepared.request.options,
    )
    answer = Quiet(request)
    try:
        await answer.stream(await clients.ready(provider))
    except ProviderError as error:
        logger.warning("no summary for run %s: %s", held.id, error)
        if not answer.text:
            return None
    wrong = flaw(answer.text, answer.finish.reason, wanted) if answer.finish else "It was cut off."
    if wrong is not None:
        logger.warning("the summary for run %s is not used: %s", held.id, wrong)
    return commands.RecordSummary(
        session_id=held.stream,
        run_id=held.id,
        text="" if wrong else answer.text,
        covers=[] if wrong else list(wanted.ids),
        usage=answer.usage,
    )


async def compacted(held: Lease, run: Run, step: Callable[..., Awaitable[Prepared]]) -> dict[str, Any]:
    """How a run ends that makes a summary instead of an answer; `step` calls what reads the database."""
    prepared = await step(asking.compacting, run)
    if prepared.plan.wanted_summary is None:
        return _failed("nothing-to-compact", "Nothing stands before the latest exchange that may be summarised.")
    summary = await made(held, prepared, run.provider)
    if summary is None:
        return _failed("no-summary", "The model could not be asked, or said nothing.")
    if not summary.text:
        return _failed("no-summary", "What the model said is no summary: empty, cut off, or too long.", summary.usage)
    return {"outcome": "completed", "text": summary.text, "covers": summary.covers, "usage": summary.usage}


def _failed(code: str, error: str, usage: Usage | None = None) -> dict[str, Any]:
    return {"outcome": "failed", "code": code, "error": error, "usage": usage}
