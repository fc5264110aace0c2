"""Strategy `adaptive`: as much as the occupancy asks for, and no more."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from sessions_app.llm.context.choice import Choice, everything
from sessions_app.llm.context.compact import compacted
from sessions_app.llm.context.history import History
from sessions_app.llm.context.relevance import relevance
from sessions_app.llm.context.summarize import summarize

RELEVANCE_UP_TO = 1.25
"""Occupancy up to which leaving out the least relevant is enough; above it too much would go missing unsaid."""


def adaptive(history: History, budget: int, scores: Mapping[UUID, float]) -> Choice:
    """All, if it fits. Then old tool results are shortened. What is still too much is chosen by relevance where it is
    a little and there are scores, and summarised otherwise; what cannot be summarised is truncated. Raises
    ContextOverflow."""
    if history.tokens <= budget:
        return everything(history)
    history = compacted(history, budget)
    if history.tokens <= budget:
        return msgspec.structs.replace(everything(history), method="compact")
    if scores and history.tokens <= budget * RELEVANCE_UP_TO:
        return relevance(history, budget, scores)
    return summarize(history, budget)
