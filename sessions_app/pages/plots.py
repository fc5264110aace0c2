"""Plots as numbers that a template can draw: bars or lines over days, with ticks that people can read. Pure; called by
`pages.analytics`.

Everything is in per cent of the plotting area, so that a drawing fits a phone without its texts shrinking."""

import math
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from django.utils.formats import date_format

Say = Callable[[float], str]

MOST_DAYS_NAMED = 5
NONE = "-"
LEAST = 0.8
"""Per cent: what is not nothing is seen."""
_STEPS = (1, 2, 2.5, 5, 10)


class Series(NamedTuple):
    """Values over the days; None where there is none. `kind` names how it is drawn: a, b or c."""

    name: str
    kind: str
    values: Sequence[float | None]


class Bar(NamedTuple):
    """A piece of a column."""

    kind: str
    y: str
    height: str


class Column(NamedTuple):
    """A day: what it says when pointed at, and its bars. `mark` stands above them at `top`; `centre` is its middle."""

    x: str
    width: str
    centre: str
    title: str
    bars: Sequence[Bar]
    mark: str
    top: str


class Segment(NamedTuple):
    """A piece of a line, or with both ends in one place a dot."""

    kind: str
    ends: tuple[str, str, str, str]


class Plot(NamedTuple):
    """What the template draws, and the table that says the same."""

    ident: str
    title: str
    summary: str
    ticks: Sequence[tuple[str, str]]
    days: Sequence[tuple[str, str, str]]
    columns: Sequence[Column]
    segments: Sequence[Segment]
    series: Sequence[Series]
    rows: Sequence[tuple[str, Sequence[str]]]
    nothing: str


class Subject(NamedTuple):
    """What is plotted: `stacked` as bars on each other, else as lines. `say` puts a value into words, `nothing` that
    there is none. `unknown`: the days of which more is true than the values say."""

    ident: str
    title: str
    series: Sequence[Series]
    say: Say
    nothing: str = ""
    stacked: bool = True
    whole: bool = False
    unknown: frozenset[date] = frozenset()


def plot(subject: Subject, days: Sequence[date]) -> Plot:
    """The drawing of it over the days."""
    totals = [_total(subject, index) for index in range(len(days))]
    ticks = ticks_to(max(totals, default=0), whole=subject.whole)
    top = ticks[-1]
    rows = [(date_format(day, "j M Y"), _row(subject, index, day)) for index, day in enumerate(days)]
    return Plot(
        ident=subject.ident,
        title=subject.title,
        summary=_summary(subject, days, totals),
        ticks=[(_share(1 - tick / top), subject.say(tick)) for tick in reversed(ticks)],
        days=_named(days),
        columns=[_column(subject, days, index, top, rows[index]) for index in range(len(days))],
        segments=[] if subject.stacked else _segments(subject, len(days), top),
        series=subject.series,
        rows=[row for row in rows if any(value != NONE for value in row[1])],
        nothing="" if any(totals) or subject.unknown else subject.nothing,
    )


def ticks_to(most: float, *, whole: bool = False, about: int = 4) -> list[float]:
    """Round numbers from 0 to the first that is not below `most`."""
    raw = (most or 1) / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(one * magnitude for one in _STEPS if one * magnitude >= raw * 0.999999)
    if whole:
        step = max(1.0, math.ceil(step))
    return [number * step for number in range(math.ceil(most / step - 1e-9) + 1)] if most else [0.0, step]


def _total(subject: Subject, index: int) -> float:
    values = [one.values[index] or 0 for one in subject.series]
    return float(sum(values) if subject.stacked else max(values))


def _row(subject: Subject, index: int, day: date) -> list[str]:
    said = [NONE if value is None else subject.say(value) for value in (one.values[index] for one in subject.series)]
    return [f"{one} + ?" for one in said] if day in subject.unknown else said


def _summary(subject: Subject, days: Sequence[date], totals: Sequence[float]) -> str:
    most = max(range(len(days)), key=totals.__getitem__)
    span = f"{date_format(days[0], 'j M Y')} - {date_format(days[-1], 'j M Y')}"
    return f"{subject.title}, {span}: ≤ {subject.say(totals[most])} ({date_format(days[most], 'j M Y')})"


def _column(subject: Subject, days: Sequence[date], index: int, top: float, row: tuple[str, Sequence[str]]) -> Column:
    slot = 100 / len(days)
    gap = min(slot * 0.25, 1.2)
    bars, reached = [], 0.0
    for one in subject.series if subject.stacked else ():
        if value := one.values[index]:
            height = max(100 * value / top, LEAST)
            reached += height
            bars.append(Bar(one.kind, _percent(100 - reached), _percent(height)))
    said = " · ".join(f"{one.name} {value}" for one, value in zip(subject.series, row[1], strict=True))
    return Column(
        x=_percent(index * slot + gap / 2),
        width=_percent(slot - gap),
        centre=_percent((index + 0.5) * slot),
        title=f"{row[0]}: {said}",
        bars=bars,
        mark="?" if days[index] in subject.unknown else "",
        top=_percent(97 - reached),
    )


def _segments(subject: Subject, count: int, top: float) -> list[Segment]:
    slot = 100 / count
    found = []
    for one in subject.series:
        points = [
            (_percent((index + 0.5) * slot), _share(1 - value / top))
            for index, value in enumerate(one.values)
            if value is not None
        ]
        before = points[:1] + points[:-1]
        found += [Segment(one.kind, (*start, *end)) for start, end in zip(before, points, strict=True)]
    return found


def _named(days: Sequence[date]) -> list[tuple[str, str, str]]:
    """Where some of the days are named, and how the name stands there."""
    count = min(len(days), MOST_DAYS_NAMED)
    places = [round(number * (len(days) - 1) / max(1, count - 1)) for number in range(count)]
    slot = 100 / len(days)
    return [
        (_percent((place + 0.5) * slot), _anchor(number, count), date_format(days[place], "j M"))
        for number, place in enumerate(places)
    ]


def _anchor(number: int, count: int) -> str:
    if count == 1:
        return "middle"
    return "start" if number == 0 else "end" if number == count - 1 else "middle"


def _share(value: float) -> str:
    return _percent(100 * value)


def _percent(value: float) -> str:
    return f"{max(0.0, value):.3f}%"
