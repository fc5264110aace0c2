"""What `pages.analytics` shows, asked of `sessions_app.analytics`: figures over all, plots by day, and the largest
groups."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from bus.messages import Actor
from sessions_app import analytics, queries
from sessions_app.insight_tables import DailyUse
from sessions_app.pages.plots import Plot, Series, Span, Subject, plot

SHOWN = 20
"""Groups in the table, the largest."""
MOST_GROUPS = 1_000
"""Groups that are looked at."""
MOST_DAILY = 100
"""Days with a column each."""
MOST_NAMED = 200
"""Models to choose from."""
_EARLY, _WRONG = ("runs_incomplete", "runs_cancelled"), ("runs_failed", "runs_interrupted")
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

Figures = Mapping[str, Any]


class Group(NamedTuple):
    """A row of the table. `filter`: what the address says to see this group alone; `share`: of the largest, per
    cent."""

    name: str
    filter: Mapping[str, str]
    session: UUID | None
    figures: Figures
    share: str


def count(value: float) -> str:
    """A number of things, with its thousands apart."""
    return str(number_format(round(value), force_grouping=True, use_l10n=True))


def short(value: float) -> str:
    """The same where there is little room: 12 k."""
    for unit, letter in _UNITS:
        if value >= unit:
            return f"{_digits(value / unit)} {letter}"
    return _digits(value)


def money(value: float | Decimal | str) -> str:
    """USD, with as many digits as mean something."""
    amount = Decimal(str(value))
    round_cents = amount == round(amount, 2)
    places = 2 if amount >= 1 or round_cents else 4 if amount >= Decimal("0.001") else 6
    return f"${number_format(amount, decimal_pos=places, force_grouping=True)}"


def seconds(value: float) -> str:
    """A time, given in seconds."""
    return f"{_digits(value)} s" if value >= 1 or not value else f"{_digits(max(1, round(value * 1000)))} ms"


def _digits(value: float) -> str:
    """Three that mean something, and no zeros behind them."""
    rounded = Decimal(f"{value:.3g}").normalize()
    return str(number_format(f"{rounded:f}"))


def total(asked: analytics.Asked) -> Figures | None:
    """The figures over all; None where there is nothing."""
    found = analytics.groups(asked._replace(keys=["total"], limit=1))
    return _told(found[0].figures) if found else None


def _told(figures: Figures) -> Figures:
    return {**figures, "wrong": sum(figures[name] for name in _WRONG)}


Read = Callable[[Figures], float | None]
Values = Callable[[Read], list[float | None]]


def plots(asked: analytics.Asked) -> list[Plot]:
    """The plots, by day; what adds up is by week where there are many days."""
    last = (asked.last - asked.first).days
    found = analytics.groups(asked._replace(keys=["day"], limit=last + 1))
    by_day = {group.key[0]: group.figures for group in found}
    days = _spans(asked.first, asked.last, 1)
    spans = days if last < MOST_DAILY else _spans(asked.first, asked.last, 7)

    def sums(read: Read) -> list[float | None]:
        return [_sum(read(by_day[day]) for day in _days(span) if day in by_day) for span in spans]

    def each(read: Read) -> list[float | None]:
        return [read(by_day[day.first]) if day.first in by_day else None for day in days]

    unknown = frozenset(span for span in spans if any(by_day[day]["unpriced"] for day in _days(span) if day in by_day))
    return [*(plot(subject, spans) for subject in _subjects(sums, unknown)), plot(_times(each), days)]


def _spans(first: date, last: date, length: int) -> list[Span]:
    """Of so many days each, the last of them whole."""
    ends = [last - timedelta(back) for back in range(0, (last - first).days + 1, length)]
    return [Span(max(first, end - timedelta(length - 1)), end) for end in reversed(ends)]


def _days(span: Span) -> list[date]:
    return [span.first + timedelta(number) for number in range((span.last - span.first).days + 1)]


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _subjects(values: Values, unknown: frozenset[Span]) -> list[Subject]:
    tokens = [
        Series(_("read"), "a", values(lambda use: use["prompt_tokens"])),
        Series(_("written"), "b", values(lambda use: use["completion_tokens"])),
    ]
    cost = [Series(_("known cost"), "a", values(lambda use: None if use["cost"] is None else float(use["cost"])))]
    runs = [
        Series(_("completed"), "a", values(lambda use: use["runs_completed"])),
        Series(_("stopped or cut short"), "b", values(lambda use: sum(use[name] for name in _EARLY))),
        Series(_("failed"), "c", values(lambda use: sum(use[name] for name in _WRONG))),
    ]
    return [
        Subject("tokens", _("Tokens"), tokens, short, _("No tokens in these days."), whole=True),
        Subject("cost", _("Cost"), cost, money, _("Nothing was charged in these days."), unknown=unknown),
        Subject("runs", _("Answers"), runs, short, _("No answers in these days."), whole=True),
    ]


def _times(values: Values) -> Subject:
    times = [
        Series(_("first word, median"), "a", values(lambda use: use["first_token_seconds_p50"])),
        Series(_("whole answer, median"), "b", values(lambda use: use["run_seconds_p50"])),
        Series(_("whole answer, slowest of 20"), "c", values(lambda use: use["run_seconds_p95"])),
    ]
    return Subject("times", _("Time to answer"), times, seconds, _("No answer was timed in these days."), stacked=False)


def groups(actor: Actor, asked: analytics.Asked) -> tuple[list[Group], int]:
    """The largest groups by tokens, and how many there are (at most MOST_GROUPS are looked at)."""
    found = analytics.groups(asked._replace(limit=MOST_GROUPS))
    largest = sorted(found, key=lambda group: (-group.figures["total_tokens"], str(group.key)))[:SHOWN]
    titles = _titles(actor, [group.key[-1] for group in largest] if asked.keys[-1] == "session" else [])
    most = max((group.figures["total_tokens"] for group in largest), default=0) or 1
    return [_group(asked.keys, group, titles, most) for group in largest], len(found)


def _group(keys: Sequence[str], group: analytics.Group, titles: Mapping[UUID, str], most: int) -> Group:
    named = dict(zip(keys, group.key, strict=True))
    session = named.get("session")
    if session is None:
        name = " / ".join(str(value) or _("unknown") for value in group.key)
    else:
        name = _("Deleted sessions") if session == analytics.DELETED else titles.get(session) or _("Untitled")
    return Group(
        name=name,
        filter={} if session == analytics.DELETED else {key: str(value) for key, value in named.items()},
        session=session if session in titles else None,
        figures=_told(group.figures),
        share=f"{100 * group.figures['total_tokens'] / most:.2f}%",
    )


def _titles(actor: Actor, ids: Sequence[UUID]) -> dict[UUID, str]:
    if not ids:
        return {}
    return dict(queries.own_of(actor).filter(id__in=ids).values_list("id", "title"))


def models_used(asked: analytics.Asked) -> list[tuple[str, str]]:
    """Provider and model of what was used in these days."""
    rows = DailyUse.objects.filter(owner=asked.owner, day__range=(asked.first, asked.last))
    return list(rows.order_by("provider", "model").values_list("provider", "model").distinct()[:MOST_NAMED])
