"""The one door to the planner: messages and a budget in, a plan out. Called by the engine before each request, and by
`context/plan` and `context/count`."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sessions_app.llm.context.adaptive import adaptive
from sessions_app.llm.context.choice import Choice, everything, plan_of
from sessions_app.llm.context.history import History, history_of
from sessions_app.llm.context.plan import Item, Plan
from sessions_app.llm.context.relevance import relevance
from sessions_app.llm.context.summarize import summarize
from sessions_app.llm.context.truncate import truncate
from sessions_app.values import Strategy


def plan(
    items: Sequence[Item],
    budget: int | None,
    strategy: Strategy,
    *,
    scores: Mapping[UUID, float] | None = None,
) -> Plan:
    """What the next request contains. `budget`: tokens for messages (see `count.room`), None where the window is
    unknown. `scores`: how relevant messages are, by id.

    Raises ContextOverflow when what must be sent does not fit."""
    history = history_of(items)
    if budget is None:
        return plan_of(everything(history, "window-unknown"), budget, strategy)
    return plan_of(_choose(history, budget, strategy, scores or {}), budget, strategy)


def _choose(history: History, budget: int, strategy: Strategy, scores: Mapping[UUID, float]) -> Choice:
    match strategy:
        case "truncate":
            return truncate(history, budget)
        case "summarize":
            return summarize(history, budget)
        case "relevance":
            return relevance(history, budget, scores)
        case "adaptive":
            return adaptive(history, budget, scores)
