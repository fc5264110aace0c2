"""Plots as numbers that a template can draw: bars or lines over days or weeks, with ticks that people can read. Pure;
called by `pages.usage`.

Everything is in per cent of the plotting area, so that a drawing fits a phone without its texts shrinking."""

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format

Say = Callable[[float], str]

MOST_DAYS_NAMED = 5
NONE = "-"
WIDEST = 8
"""Per cent: a column of few days is no wall."""
MOST_DOTS = 60
"""Days whose values are dots on their line, to be pointed at."""
MOST_DAYS_APART = 200
"""Days of which the first and the last are told apart without their years."""
LEAST = 0.8
"""Per cent: what is not nothing is seen."""
_STEPS = (1, 2, 2.5, 5, 10)


class Span(NamedTuple):
    """A day, or several: the first and the last."""

    first: date
    last: date

    def __str__(self) -> str:
        last = date_format(self.last, "j M Y")
        return last if self.first == self.last else f"{date_format(self.first, 'j M Y')} - {last}"


class Series(NamedTuple):
    """Values over the spans; None where there is none. `kind` names how it is drawn: a, b or c."""

    name: str
    kind: str
    values: Sequence[float | None]


class Bar(NamedTuple):
    """A piece of a column."""

    kind: str
    y: str
    height: str


class Column(NamedTuple):
    """A span: what it says when pointed at, and its bars. `mark` stands above them at `top`; `centre` is its middle."""

    x: str
    width: str
    centre: str
    title: str
    bars: Sequence[Bar]
    mark: str
    top: str


class Line(NamedTuple):
    """A series as points in a square of 100 by 100, and as dots."""

    kind: str
    points: str
    dots: Sequence[tuple[str, str]]


class Plot(NamedTuple):
    """What the template draws, and the table that says the same."""

    ident: str
    title: str
    summary: str
    ticks: Sequence[tuple[str, str]]
    days: Sequence[tuple[str, str, str]]
    columns: Sequence[Column]
    lines: Sequence[Line]
    series: Sequence[Series]
    rows: Sequence[tuple[str, Sequence[str]]]
    nothing: str
    has_unknown: bool


class Subject(NamedTuple):
    """What is plotted: `stacked` as bars on each other, else as lines. `say` puts a value into words, `nothing` that
    there is none. `unknown`: the spans of which more is true than the values say."""

    ident: str
    title: str
    series: Sequence[Series]
    say: Say
    nothing: str = ""
    stacked: bool = True
    whole: bool = False
    unknown: frozenset[Span] = frozenset()


def plot(subject: Subject, spans: Sequence[Span]) -> Plot:
    """The drawing of it over the spans, which follow each other."""
    totals = [_total(subject, index) for index in range(len(spans))]
    ticks = ticks_to(max(totals, default=0), whole=subject.whole)
    top = ticks[-1]
    rows = [(str(span), _row(subject, index, span)) for index, span in enumerate(spans)]
    told = [index for index, (_name, values) in enumerate(rows) if any(value != NONE for value in values)]
    is_pointed_at = subject.stacked or len(spans) <= MOST_DOTS
    return Plot(
        ident=subject.ident,
        title=subject.title,
        summary=_summary(subject, spans, totals),
        ticks=[(_percent(100 - 100 * tick / top), subject.say(tick)) for tick in reversed(ticks)],
        days=_named(spans),
        columns=[_column(subject, spans, index, top, rows[index]) for index in told if is_pointed_at],
        lines=[] if subject.stacked else [_line(one, len(spans), top) for one in subject.series],
        series=subject.series,
        rows=[rows[index] for index in told],
        nothing="" if any(totals) or subject.unknown else subject.nothing,
        has_unknown=bool(subject.unknown),
    )


def ticks_to(most: float, *, whole: bool = False, about: int = 4) -> list[float]:
    """Round numbers from 0 to the first that is not below `most`."""
    raw = (most or 1) / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(one * magnitude for one in _STEPS if one * magnitude >= raw * 0.999999)
    if whole:
        step = max(1.0, math.ceil(step))
    count = math.ceil(most / step - 1e-9) if most else 1
    return [float(f"{number * step:.6g}") for number in range(count + 1)]


def _total(subject: Subject, index: int) -> float:
    values = [one.values[index] or 0 for one in subject.series]
    return float(sum(values) if subject.stacked else max(values))


def _row(subject: Subject, index: int, span: Span) -> list[str]:
    said = [NONE if value is None else subject.say(value) for value in (one.values[index] for one in subject.series)]
    return [f"{one} + ?" for one in said] if span in subject.unknown else said


def _summary(subject: Subject, spans: Sequence[Span], totals: Sequence[float]) -> str:
    most = max(range(len(spans)), key=totals.__getitem__)
    whole = Span(spans[0].first, spans[-1].last)
    return f"{subject.title}, {whole}: ≤ {subject.say(totals[most])} ({spans[most]})"


def _column(subject: Subject, spans: Sequence[Span], index: int, top: float, row: tuple[str, Sequence[str]]) -> Column:
    slot = 100 / len(spans)
    width = min(slot - min(slot * 0.25, 1.2), WIDEST)
    bars, reached = [], 0.0
    for one in subject.series if subject.stacked else ():
        if value := one.values[index]:
            height = max(100 * value / top, LEAST)
            reached += height
            bars.append(Bar(one.kind, _percent(100 - reached), _percent(height)))
    said = " · ".join(f"{one.name} {value}" for one, value in zip(subject.series, row[1], strict=True))
    return Column(
        x=_percent((index + 0.5) * slot - width / 2),
        width=_percent(width),
        centre=_percent((index + 0.5) * slot),
        title=f"{row[0]}: {said}",
        bars=bars,
        mark="?" if spans[index] in subject.unknown else "",
        top=_percent(97 - reached),
    )


def _line(one: Series, count: int, top: float) -> Line:
    slot = 100 / count
    known = [(index, value) for index, value in enumerate(one.values) if value is not None]
    points = [((index + 0.5) * slot, 100 - 100 * value / top) for index, value in known]
    return Line(
        kind=one.kind,
        points=" ".join(f"{x:.2f},{y:.2f}" for x, y in points),
        dots=[(_percent(x), _percent(y)) for x, y in points] if count <= MOST_DOTS or len(points) == 1 else [],
    )


def _named(spans: Sequence[Span]) -> list[tuple[str, str, str]]:
    """Where some of the days are named, and how the name stands there."""
    count = min(len(spans), MOST_DAYS_NAMED)
    even = [number for number in range(count, 2, -1) if (len(spans) - 1) % (number - 1) == 0]
    count = even[0] if even else count
    places = [round(number * (len(spans) - 1) / max(1, count - 1)) for number in range(count)]
    slot = 100 / len(spans)
    form = "M Y" if (spans[-1].last - spans[0].first).days > MOST_DAYS_APART else "j M"
    return [
        (_percent((place + 0.5) * slot), _anchor(number, count, slot), date_format(spans[place].first, form))
        for number, place in enumerate(places)
    ]


def _anchor(number: int, count: int, slot: float) -> str:
    """How a name stands to its day: those at the ends stay inside the drawing."""
    if slot > WIDEST:
        return "middle"
    return "start" if number == 0 else "end" if number == count - 1 else "middle"


def _percent(value: float) -> str:
    return f"{max(0.0, value):.2f}%"
