"""What the next request of a conversation would take, in figures: of the window, in tokens, in money. Called by
`context`. All tokens are estimates; what is not known is None, never a guess."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as later

from sessions_app.llm import asking, budgets, catalog
from sessions_app.llm.asking import Asked, Prepared
from sessions_app.llm.base import Turn, Usage
from sessions_app.llm.budgets import Standing
from sessions_app.llm.context import count
from sessions_app.llm.context.plan import ContextOverflow
from sessions_app.models import DailyUse, Session
from sessions_app.values import Role, Strategy

LABELS = {
    "system": later("System messages"),
    "summary": later("Summaries"),
    "messages": later("Messages"),
    "tools": later("Tools on offer"),
    "reserve": later("Kept free for the answer"),
    "free": later("Free"),
}
"""What takes room in a window, in the order in which it is drawn."""
PERIODS = {"total": later("in all"), "day": later("today"), "month": later("this month")}
SCOPES = {"session": later("This session"), "user": later("All your sessions")}


class Share(NamedTuple):
    """One part of the window. `start` and `width` are percents of the drawing; empty where the window is unknown."""

    kind: str
    label: str
    tokens: int
    start: str
    width: str


class Figures(NamedTuple):
    """The next request. `overflow` says why there is none; `percent` is of the window, answer included; `cost` is of
    what is sent, `most` with the longest answer."""

    window: int | None
    prompt: int
    reserve: int
    percent: int | None
    shares: list[Share]
    cost: Decimal | None
    most: Decimal | None
    overflow: str


class Spent(NamedTuple):
    """What one model used here, and cost as far as its prices are known."""

    model: str
    tokens: int
    cost: Decimal
    unpriced: int


class Left(NamedTuple):
    """One limit of a budget, with what is left of it."""

    scope: str
    period: str
    limit: str
    spent: str
    reserved: str
    left: str
    percent: int


def prepared(asked: Asked, strategy: Strategy | None) -> tuple[Prepared | None, str]:
    """The next request, or why there is none."""
    try:
        return asking.prepare(asked, strategy), ""
    except ContextOverflow as overflow:
        return None, overflow.detail


def figures(asked: Asked, plan: Prepared | None, overflow: str) -> Figures:
    """What the request takes."""
    window = catalog.window(asked.provider, asked.model)
    reserve = count.answer_room(window, asked.session.config.get("max_tokens"))
    sizes = {**_sizes(plan.request.turns if plan else ()), "tools": count.tools(asked.offered)}
    prompt = sum(sizes.values())
    sizes["reserve"] = reserve
    if window is not None:
        sizes["free"] = max(0, window - prompt - reserve)
    taken = 0 if window is None else round((prompt + reserve) * 100 / window)
    cost, most = (_cost(asked, Usage(input_tokens=prompt, output_tokens=answer)) for answer in (0, reserve))
    known = None if window is None or plan is None else taken
    return Figures(window, prompt, reserve, known, list(_shares(sizes, window)), cost, most, overflow)


def _sizes(turns: Iterable[Turn]) -> dict[str, int]:
    sizes = dict.fromkeys(("system", "summary", "messages"), 0)
    for turn in turns:
        kind = str(turn.role) if turn.role in (Role.SYSTEM, Role.SUMMARY) else "messages"
        sizes[kind] += count.message(turn.content)
    return sizes


def _shares(sizes: dict[str, int], window: int | None) -> Iterable[Share]:
    whole, start = max(sum(sizes.values()), 1), 0
    for kind, label in LABELS.items():
        if tokens := sizes.get(kind, 0):
            drawn = ("", "") if window is None else (f"{start * 100 / whole:.2f}", f"{tokens * 100 / whole:.2f}")
            yield Share(kind, str(label), tokens, *drawn)
            start += tokens


def _cost(asked: Asked, usage: Usage) -> Decimal | None:
    return catalog.cost(asked.provider, asked.model, usage, datetime.now(UTC))


def spent(session: Session) -> list[Spent]:
    """What the session used here so far, by model; what came with an imported file is not in it."""
    rows = DailyUse.objects.filter(session=session.id).values("provider", "model").order_by("provider", "model")
    rows = rows.annotate(read=Sum("prompt_tokens"), said=Sum("completion_tokens"))
    found = rows.annotate(usd=Sum("cost"), unpriced=Sum("unpriced"), priced=Sum("priced"))
    return [
        Spent(f"{row['provider']}/{row['model']}", row["read"] + row["said"], row["usd"], row["unpriced"])
        for row in found
        if row["priced"] or row["unpriced"]
    ]


def left(session: Session) -> list[Left]:
    """The budgets that a run here is held to; those of its owner are shown to its owner only."""
    owner = session.owner_id if getattr(session, "role", "") == "owner" else None
    return [limit for budget in budgets.standing(session.id, owner) for limit in _limits(budget)]


def _limits(budget: Standing) -> Iterable[Left]:
    if budget.tokens is not None:
        yield _left(budget, budget.tokens, budget.spent_tokens, budget.reserved_tokens)
    if budget.usd is not None:
        yield _left(budget, budget.usd, budget.spent_usd, budget.reserved_usd)


def _left(budget: Standing, limit: int | Decimal, used: int | Decimal, reserved: int | Decimal) -> Left:
    rest = max(limit - used - reserved, type(limit)(0))
    percent = 100 if not limit else min(100, round((used + reserved) * 100 / limit))
    return Left(
        scope=str(SCOPES[budget.scope]),
        period=str(PERIODS[budget.period]),
        limit=_amount(limit),
        spent=_amount(used),
        reserved=_amount(reserved),
        left=_amount(rest),
        percent=percent,
    )


def _amount(amount: int | Decimal) -> str:
    return f"${amount:,.4f}" if isinstance(amount, Decimal) else _("%(count)s tokens") % {"count": f"{amount:,}"}
