"""Strategy `relevance`: the exchanges that have least to do with the question are left out."""

import math
from collections.abc import Mapping
from uuid import UUID

from sessions_app.llm.context.choice import Choice, everything
from sessions_app.llm.context.cut import Cut
from sessions_app.llm.context.history import History, Unit

RECENT = 1
"""So many exchanges before the last go last, whatever their scores: a question like "and why?" matches nothing."""


def relevance(history: History, budget: int, scores: Mapping[UUID, float]) -> Choice:
    """The best exchanges that fit, in their order, with a mark at each gap. Raises ContextOverflow."""
    if history.tokens <= budget:
        return everything(history)
    order = _worst_first(history, scores)
    cut = Cut(history)
    cut.until(order, budget)
    cut.must_fit(budget)
    for number in reversed(order):  # where something large went, something small and good may fit again
        if number in cut.dropped:
            cut.restore(number)
            if cut.size > budget:
                cut.drop(number)
    return Choice(cut=cut, method="relevance", kept="relevant", dropped="least-relevant")


def _worst_first(history: History, scores: Mapping[UUID, float]) -> list[int]:
    may_go = history.may_go()
    recent = set(may_go[-RECENT:])
    return sorted(may_go, key=lambda number: (number in recent, _score(history.units[number], scores), number))


def _score(unit: Unit, scores: Mapping[UUID, float]) -> float:
    """An exchange is as relevant as the best of its messages."""
    found = (scores.get(item.id, 0.0) for item in unit.items)
    return max((score for score in found if math.isfinite(score)), default=0.0)
