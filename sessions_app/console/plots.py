"""Plots as numbers: where bars and lines go in an SVG. Pure; drawn by `templates/console/plot.html`."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, FOOT, GAP = 600.0, 150.0, 18.0, 0.18
"""Of the drawing, of the room for labels, and of what is left free between bars, as a share."""
LABELS = 6
"""About so many labels stand under a plot."""

Values = Sequence[float | None]


class Series(NamedTuple):
    """One colour of a plot. `tone` is a class of `console.css`; None where nothing is known."""

    name: str
    tone: str
    values: Values


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    tone: str


class Place(NamedTuple):
    """One step of the horizontal axis; `said` is the whole of it in words."""

    x: float
    width: float
    middle: float
    label: str
    said: str
    shows_label: bool


class Plot(NamedTuple):
    """Ready to be drawn."""

    title: str
    unit: str
    total: str
    top: str
    series: tuple[Series, ...]
    places: tuple[Place, ...]
    bars: tuple[Bar, ...]
    lines: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not any(value for one in self.series for value in one.values)


def spoken(value: float | None) -> str:
    """A number for people: short where it is large, exact enough where it is small."""
    if value is None:
        return "-"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g}{letter}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def stacked(title: str, unit: str, labels: Sequence[str], series: Sequence[Series]) -> Plot:
    """Bars, one colour upon the other."""
    columns = list(zip(*(one.values for one in series), strict=True)) or []
    top = max((sum(value or 0 for value in column) for column in columns), default=0.0)
    step, bars = WIDTH / max(len(labels), 1), []
    for number, column in enumerate(columns):
        base = HEIGHT
        for one, value in zip(series, column, strict=True):
            height = (value or 0) / top * HEIGHT if top else 0.0
            base -= height
            if height:
                bars.append(_bar(number * step, base, step, height)._replace(tone=one.tone))
    total = sum(value or 0 for one in series for value in one.values)
    return _plot(title, unit, labels, series, top)._replace(bars=tuple(bars), total=spoken(total))


def _bar(x: float, y: float, width: float, height: float) -> Bar:
    x, width = x + width * GAP / 2, width * (1 - GAP)
    return Bar(round(x, 2), round(y, 2), round(width, 2), round(height, 2), "")


def lined(title: str, unit: str, labels: Sequence[str], series: Sequence[Series]) -> Plot:
    """Lines; where nothing is known they are broken."""
    top = max((value for one in series for value in one.values if value is not None), default=0.0)
    step = WIDTH / max(len(labels), 1)
    lines = [(one.tone, _path(one.values, step, top)) for one in series]
    return _plot(title, unit, labels, series, top)._replace(lines=tuple(lines))


def _path(values: Values, step: float, top: float) -> str:
    parts, open_ = [], False
    for number, value in enumerate(values):
        if value is not None:
            y = HEIGHT - (value / top * HEIGHT if top else 0.0)
            parts.append(f"{'L' if open_ else 'M'}{(number + 0.5) * step:.2f} {y:.2f}h0")  # h0: a lone value is a dot
        open_ = value is not None
    return "".join(parts)


def _plot(title: str, unit: str, labels: Sequence[str], series: Sequence[Series], top: float) -> Plot:
    step, every = WIDTH / max(len(labels), 1), max(1, round(len(labels) / LABELS))
    rows = tuple((label, tuple(spoken(one.values[n]) for one in series)) for n, label in enumerate(labels))
    places = tuple(
        Place(
            round(number * step, 2),
            round(step, 2),
            round((number + 0.5) * step, 2),
            label,
            f"{label}: " + ", ".join(f"{one.name} {value}" for one, value in zip(series, rows[number][1], strict=True)),
            number % every == 0,
        )
        for number, label in enumerate(labels)
    )
    return Plot(title, unit, "", spoken(top), tuple(series), places, (), (), rows)
