"""Which sessions a list shows: read from its address, made into a query, offered as choices."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict

from bus.messages import Actor
from sessions_app import queries, rights
from sessions_app.labels import labels_of
from sessions_app.models import LABELLED, PINNED, Session

SESSIONS = 30
MOST_PINNED = 30
"""So many of the pinned ones stand first, the newest; what is beyond stands in its place."""
LOOKED_AT = 300
"""The newest sessions, whose providers, models, folders and tags are offered as choices."""
SHOWS = ("", "archived", "shared")
FIELDS = ("provider", "model", "folder", "tag")


class Wanted(NamedTuple):
    """What an address asks for; the empty text is no condition. `show`: active ones, archived ones, those of others."""

    show: str = ""
    provider: str = ""
    model: str = ""
    folder: str = ""
    tag: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether any field narrows the list."""
        return any(getattr(self, name) for name in FIELDS)


class Page(NamedTuple):
    """A page of the list: those that are pinned (of the first page only), the rest, and the key of the next page."""

    pinned: list[Session]
    rows: list[Session]
    older: str | None


def wanted_of(request: HttpRequest) -> Wanted:
    """What the address asks for; what it cannot ask for counts as not asked."""
    given = {name: request.GET.get(name, "").replace("\x00", "")[:200] for name in ("show", *FIELDS)}
    return Wanted(**{**given, "show": given["show"] if given["show"] in SHOWS else ""})


def page_of(actor: Actor, wanted: Wanted, before: str) -> Page:
    """The page after the key `before`. The pinned ones have an index of their own, all others the one of changes."""
    rows = queries.with_version(_filtered(actor, wanted))
    pinned = [] if wanted.show == "shared" else list(_ordered(rows.filter(PINNED))[:MOST_PINNED])
    found = list(_ordered(_older_than(rows.exclude(id__in=[row.id for row in pinned]), before))[: SESSIONS + 1])
    last = found[SESSIONS - 1] if len(found) > SESSIONS else None
    older = f"{last.updated_at.isoformat()}~{last.id}" if last else None
    return Page([] if before else pinned, found[:SESSIONS], older)


def _ordered(rows: QuerySet[Session]) -> QuerySet[Session]:
    return rows.order_by("-updated_at", "-id")


def _filtered(actor: Actor, wanted: Wanted) -> QuerySet[Session]:
    rows = rights.shared_with(actor) if wanted.show == "shared" else queries.own_of(actor)
    if wanted.show != "shared":
        rows = rows.filter(is_active=wanted.show != "archived")
    for name in ("provider", "model"):
        if value := getattr(wanted, name):
            rows = rows.filter(**{name: value})
    if wanted.folder or wanted.tag:
        rows = rows.filter(LABELLED)
    if wanted.folder:
        rows = rows.filter(metadata__contains={"folder": wanted.folder})
    return rows.filter(metadata__contains={"tags": [wanted.tag]}) if wanted.tag else rows


def _older_than(rows: QuerySet[Session], key: str) -> QuerySet[Session]:
    """Rows after `<updated_at>~<id>`, spelled so that the index answers; a key that is none of ours changes nothing."""
    moment, _, ident = key.partition("~")
    try:
        when, last = datetime.fromisoformat(moment), UUID(ident)
        if when.tzinfo is None:
            return rows
        when = when.astimezone(UTC)  # PostgreSQL does not take every zone that Python does
    except (ValueError, OverflowError):
        return rows
    return rows.filter(updated_at__lte=when).filter(Q(updated_at__lt=when) | Q(id__lt=last))


def choices(actor: Actor) -> dict[str, list[str]]:
    """What the fields can be, as far as the newest sessions tell: two queries, however many there are."""
    own = queries.own_of(actor).order_by("-updated_at", "-id")
    models = list(own.values_list("provider", "model")[:LOOKED_AT])
    labelled = own.filter(LABELLED).values_list("metadata__folder", "metadata__tags")[:LOOKED_AT]
    labels = [labels_of({"folder": folder, "tags": tags}) for folder, tags in labelled]
    found: dict[str, Any] = {
        "provider": {provider for provider, _ in models},
        "model": {model for _, model in models},
        "folder": {each.folder for each in labels if each.folder},
        "tag": {tag for each in labels for tag in each.tags},
    }
    return {name: sorted(values, key=str.casefold) for name, values in found.items()}


def narrowings(request: HttpRequest, wanted: Wanted) -> Iterator[tuple[str, str, str]]:
    """Each field that narrows the list, its value, and the address without it."""
    for name in FIELDS:
        if value := getattr(wanted, name):
            yield name, value, address(request, **{name: ""})


def address(request: HttpRequest, **changes: str) -> str:
    """The list with these parameters changed, from its first page."""
    query = request.GET.copy() if isinstance(request.GET, QueryDict) else QueryDict(mutable=True)
    for name, value in {"before": "", **changes}.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"?{query.urlencode()}" if query else request.path
