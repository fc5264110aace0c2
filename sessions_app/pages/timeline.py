"""A window on a session's log: some lines of it, wherever one looks, and where to go on both ways. Called by `log`.

The log is walked by version, its key; a filter looks through so many versions at a time, and the page says how far it
has looked, so that a window costs the same in a log of a hundred events and of a million."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import F, Func, JSONField, Q, QuerySet

from bus import topics
from bus.exceptions import Invalid
from bus.messages import ERASED, Actor
from bus.models import StoredEvent
from sessions_app.pages import saying

LINES = 50
LOOKED_THROUGH = 20_000
"""Versions that a filter looks at for one window."""
MOST_PATTERNS = 10
NAMED = ("run_id", "message_id", "graph_id", "artifact_id", "conversation_id")
"""Fields of events that say what they are about."""

_COLUMNS = ("version", "type", "schema", "actor", "causation", "correlation", "recorded_at", "short")


class Short(Func):
    """What an event says without what is long in it: a line needs its beginning only, and has it in the rest."""

    template = (
        "CASE WHEN pg_column_size(%(expressions)s) > 16384"
        " THEN %(expressions)s - '{content,input,nodes,updates,usage}'::text[] ELSE %(expressions)s END"
    )
    output_field = JSONField()


class Line(NamedTuple):
    """One event as a line shows it. `request` is what it has in common with the others of the same request."""

    version: int
    type: str
    family: str
    when: datetime
    actor: str
    said: str
    gone: bool
    request: str


class Window(NamedTuple):
    """Lines, oldest first; `earlier` and `later` are the versions to go on from, None where the log ends. `whole`:
    nothing is filtered."""

    lines: list[Line]
    earlier: int | None
    later: int | None
    whole: bool = False

    @property
    def pruned(self) -> int | None:
        """The first version there is, where it is not the first there was."""
        first = self.lines[0].version if self.whole and self.lines and self.earlier is None else 1
        return first if first > 1 else None


class Filters(NamedTuple):
    """What is looked for. `types`: patterns of topics, or parts of them; `actor`: a kind of actors, or one; `about`:
    the id of what events name; `request`: what events have in common that one request recorded."""

    types: str = ""
    actor: str = ""
    about: str = ""
    request: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Filters":
        """Those of an address."""
        return cls(*(given.get(name, "").strip()[:200].replace("\x00", "") for name in cls._fields))

    @property
    def given(self) -> list[tuple[str, str]]:
        """Those that are given, by name."""
        return [(name, value) for name, value in self._asdict().items() if value]

    @property
    def query(self) -> str:
        """The same as part of an address, with an `&` after it."""
        return f"{urlencode(self.given)}&" if self.given else ""

    def condition(self) -> Q:
        """What an event must have. Raises Invalid for what is no pattern and no id."""
        wanted = Q()
        if self.types:
            wanted &= Q(type__regex=_pattern(self.types))
        if self.actor:
            wanted &= Q(actor=self.actor) | Q(actor__startswith=f"{self.actor}:")
        if self.about:
            ident = _ident(self.about)
            wanted &= Q(*((f"data__{name}", ident) for name in NAMED), _connector=Q.OR)
        if self.request:
            command = Q(causation=self.request) if _is_ident(self.request) else Q()
            wanted &= Q(correlation=self.request) | command
        return wanted


class Log(NamedTuple):
    """The log of one session at version `head`, through filters, as its reader sees it."""

    stream: UUID
    head: int
    filters: Filters
    reader: Actor

    def newest(self, *, before: int | None = None, lines: int = LINES) -> Window:
        """The end of the log, or what comes before a version."""
        top = self.head + 1 if before is None else min(before, self.head + 1)
        bottom = top - LOOKED_THROUGH
        rows = list(self._rows(version__lt=top, version__gte=bottom).order_by("-version")[: lines + 1])
        earlier = rows[lines - 1]["version"] if len(rows) > lines else (bottom if bottom > 1 else None)
        return self._window(rows[:lines][::-1], earlier, top - 1 if top <= self.head else None)

    def oldest(self, after: int, *, lines: int = LINES) -> Window:
        """What comes after a version."""
        top = after + LOOKED_THROUGH
        rows = list(self._rows(version__gt=after, version__lte=top).order_by("version")[: lines + 1])
        later = rows[lines - 1]["version"] if len(rows) > lines else (top if top < self.head else None)
        return self._window(rows[:lines], after + 1 if after else None, later)

    def around(self, version: int) -> Window:
        """What leads to a version, itself, and a little of what follows."""
        before = self.newest(before=version + 1, lines=LINES // 2)
        after = self.oldest(version, lines=LINES // 2)
        return before._replace(lines=[*before.lines, *after.lines], later=after.later)

    def _rows(self, **bounds: int) -> "QuerySet[StoredEvent, dict[str, Any]]":
        rows = StoredEvent.objects.filter(self.filters.condition(), stream=self.stream, **bounds)
        short: QuerySet[StoredEvent, dict[str, Any]] = rows.annotate(short=Short(F("data"))).values(*_COLUMNS)
        return short

    def _window(self, rows: Sequence[Mapping[str, Any]], earlier: int | None, later: int | None) -> Window:
        return Window([self._line(row) for row in rows], earlier, later, not self.filters.given)

    def _line(self, row: Mapping[str, Any]) -> Line:
        gone = row["schema"] == ERASED
        return Line(
            version=row["version"],
            type=row["type"],
            family=saying.family(row["type"]),
            when=row["recorded_at"],
            actor=saying.who(Actor.parse(row["actor"]), self.reader),
            said=saying.gone() if gone else saying.said(row["type"], row["short"]),
            gone=gone,
            request=row["correlation"] or str(row["causation"] or ""),
        )


def _pattern(types: str) -> str:
    """Patterns as one regular expression; a word without a star is looked for anywhere in a type."""
    words = [word for word in re.split(r"[,\s]+", types.lower()) if word]
    if len(words) > MOST_PATTERNS:
        raise Invalid(f"At most {MOST_PATTERNS} patterns can be looked for at once.")
    pieces = [topics.normalise(word if "*" in word else f"*{word}*").split("*") for word in words]
    return "^(" + "|".join(".*".join(map(re.escape, parts)) for parts in pieces) + ")$"


def _is_ident(given: str) -> bool:
    try:
        return bool(UUID(given))
    except ValueError:
        return False


def _ident(given: str) -> str:
    if not _is_ident(given):
        raise Invalid(f"{given[:60]!r} is no id; follow a link of an event to see what is about the same.")
    return str(UUID(given))
