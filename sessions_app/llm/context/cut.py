"""Leaving units out until the rest fits, with the marks that tell the model where something is missing."""

from collections.abc import Iterable

from sessions_app.llm.context import count
from sessions_app.llm.context.history import History
from sessions_app.llm.context.plan import ContextOverflow


def mark(messages: int) -> str:
    """What stands where messages were left out."""
    return f"[{messages} earlier {'message is' if messages == 1 else 'messages are'} left out here]\n\n"


MOST_MESSAGES = 10**6
"""For the size of a mark whose number is not known yet."""


class Cut:
    """Which units are left out. `tokens` is what the others take; `size` is that with the marks."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.dropped: set[int] = set()
        self.tokens = history.tokens
        self._mark = count.text(mark(MOST_MESSAGES))
        exchanges = [number for number, unit in enumerate(history.units) if unit.kind == "exchange"]
        self._neighbours = {
            number: {*exchanges[max(0, place - 1) : place], *exchanges[place + 1 : place + 2]}
            for place, number in enumerate(exchanges)
        }
        self._gaps = 0

    @property
    def size(self) -> int:
        """Tokens of what is left, and one mark for each run of exchanges left out."""
        return self.tokens + self._gaps * self._mark

    def drop(self, number: int) -> None:
        """Leave this unit out."""
        self.dropped.add(number)
        self.tokens -= self.history.units[number].tokens
        self._gaps += self._change(number)

    def restore(self, number: int) -> None:
        """Put it back."""
        self.dropped.remove(number)
        self.tokens += self.history.units[number].tokens
        self._gaps -= self._change(number)

    def until(self, order: Iterable[int], goal: int) -> None:
        """Leave out units in this order until the rest takes no more than `goal`, if there are enough of them."""
        for number in order:
            if self.size <= goal:
                return
            self.drop(number)

    def must_fit(self, budget: int) -> None:
        """Leave out summaries as the last resort. Raises ContextOverflow if what must stay is too much by itself."""
        for number in self.history.summaries():
            if self.tokens <= budget:
                return
            self.drop(number)
        if self.tokens > budget:
            raise overflow(self.history, budget)

    def _change(self, number: int) -> int:
        neighbours = self._neighbours.get(number)
        return 0 if neighbours is None else 1 - len(neighbours & self.dropped)


def overflow(history: History, budget: int) -> ContextOverflow:
    """What does not fit, in figures."""
    needed: dict[str, int] = {}
    for unit in history.units:
        if unit.code:
            needed[unit.code] = needed.get(unit.code, 0) + unit.tokens
    said = ", ".join(f"{code.replace('-', ' ')} {tokens}" for code, tokens in needed.items())
    total = sum(needed.values())
    return ContextOverflow(
        f"What must be sent takes about {total} tokens ({said}), but there is room for {budget}. Shorten it, unpin "
        "messages, lower max_tokens, offer fewer tools, or choose a model with a larger window.",
        budget=budget,
        needed=total,
        parts=needed,
    )
