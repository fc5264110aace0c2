"""What a strategy answers, and how it becomes a plan."""

from uuid import UUID

import msgspec

from sessions_app.llm.base import Turn
from sessions_app.llm.context import count
from sessions_app.llm.context.cut import Cut, mark
from sessions_app.llm.context.history import History, Unit
from sessions_app.llm.context.plan import Decision, Item, Method, Plan, WantedSummary, decided
from sessions_app.values import TextPart


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What to leave out. `kept` and `dropped` are the codes for what may go and stayed, or went."""

    cut: Cut
    method: Method
    kept: str = "fits"
    dropped: str = "oldest"
    wanted: WantedSummary | None = None


def everything(history: History, why: str = "fits") -> Choice:
    """Leave nothing out."""
    return Choice(cut=Cut(history), method="full", kept=why)


def plan_of(choice: Choice, budget: int | None, strategy: str) -> Plan:
    """The plan that carries out the choice."""
    cut, history = choice.cut, choice.cut.history
    marks = _marks(cut) if budget is None or cut.size <= budget else {}
    awaiting = frozenset(choice.wanted.ids if choice.wanted else ())
    sent: list[Item] = []
    decisions = dict(history.settled)
    for number, unit in enumerate(history.units):
        for item in unit.items:
            if number in cut.dropped:
                decisions[item.id] = decided(item, "dropped", _why_dropped(item, unit, choice, awaiting))
                continue
            sent.append(_marked(item, marks.get(item.id, 0), history))
            decisions[item.id] = _stays(sent[-1], unit, choice)
    sent.sort(key=lambda item: history.order[item.id])
    tokens = sum(item.tokens for item in sent)
    return Plan(
        decisions=tuple(decisions[one] for one in history.ids),
        turns=tuple(Turn(role=item.role, content=item.content) for item in sent),
        tokens=tokens,
        budget=budget,
        occupancy=tokens / budget if budget else None,
        strategy=strategy,
        method=choice.method,
        wanted_summary=choice.wanted,
    )


def _marks(cut: Cut) -> dict[UUID, int]:
    """For the first message of each exchange after a gap, how many messages are missing."""
    marks: dict[UUID, int] = {}
    missing = 0
    for number, unit in enumerate(cut.history.units):
        if unit.kind != "exchange":
            continue
        if number in cut.dropped:
            missing += len(unit.items)
        elif missing:
            marks[unit.items[0].id] = missing
            missing = 0
    return marks


def _marked(item: Item, missing: int, history: History) -> Item:
    """The message with the mark before it: in its own turn, as providers want roles to alternate."""
    if not missing:
        return item
    text = mark(missing)
    content = [TextPart(text=text), *item.content]
    return msgspec.structs.replace(item, content=content, tokens=item.tokens + count.text(text))


def _why_dropped(item: Item, unit: Unit, choice: Choice, awaiting: frozenset[UUID]) -> str:
    if unit.kind == "summary":
        return "no-room"
    return "awaits-summary" if item.id in awaiting else choice.dropped


def _stays(item: Item, unit: Unit, choice: Choice) -> Decision:
    touched = choice.cut.history.touched.get(item.id)
    if touched == "shortened":
        return decided(item, "compacted", "shortened", item.tokens)
    if touched == "mended":
        return decided(item, "kept", "mended", item.tokens)
    if item.pinned:
        return decided(item, "kept", "pinned", item.tokens)
    code = "summary" if unit.kind == "summary" else unit.code
    return decided(item, "kept", code or choice.kept, item.tokens)
