"""How the conversations of a session branch: the tree of them, and at which messages of one others go another way.
Called by `session` and `asked`; one query, however many there are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Left

from sessions_app.models import Conversation, Message, Session
from sessions_app.queries import line_of

CONVERSATIONS = 200
"""So many of the newest are in the tree. Those of graphs' nodes are reached from their graphs."""
DEEPEST = 6
"""Steps that are indented."""
WORDS = 80

Key = tuple[UUID, int]
"""A place where conversations part: after the message at that position of that conversation; 0: at its beginning."""


class Branch(NamedTuple):
    """A line of the tree. `how`: what made it a fork: `edits`, `regenerates`, `forks`."""

    conversation: Conversation
    depth: int
    how: str
    is_here: bool


class Point(NamedTuple):
    """A message of the conversation that has others beside it: the `number`th `of` so many."""

    at: UUID
    number: int
    of: int
    before: str
    after: str


class Branches(NamedTuple):
    """What the page shows of both. `pending`: those in which the next message changes what is shown."""

    tree: Sequence[Branch]
    points: Sequence[Point]
    pending: Sequence[UUID]


def branches(session: Session, here: Conversation) -> Branches:
    """As seen from the conversation that is looked at."""
    rows = {row.id: row for row in _rows(session, here)}
    pending = [row.id for row in rows.values() if row.last is None]  # type: ignore[attr-defined]
    return Branches(list(_tree(rows, here)), list(_points(rows, here)), pending)


def _rows(session: Session, here: Conversation) -> Iterable[Conversation]:
    """Each with the position `cut` of the last message it shares, the `first` message of its own, its `words` and the
    position of the `last`; the message `beside` its first one in its parent, and the one `at` which that is here."""
    rows = session.conversations.filter(Q(is_archived=False) | Q(id=here.id)).exclude(metadata__has_key="graph_id")
    own = Message.objects.filter(conversation_id=OuterRef("id"))
    of_parent = Message.objects.filter(conversation_id=OuterRef("parent"))
    shared = of_parent.filter(position__lte=OuterRef("forked_at")).order_by("-position")
    newest = rows.annotate(
        main=Q(id=F("session_id")),
        cut=Coalesce(Subquery(shared.values("position")[:1]), 0),
        first=Subquery(own.order_by("position").values("id")[:1]),
        last=Subquery(own.order_by("-position").values("position")[:1]),
        words=Subquery(own.order_by("position").values(said=Left(KT("content__0__text"), WORDS))[:1]),
        beside=Subquery(_next(of_parent, "forked_at")),
    )
    newest = newest.annotate(at=Subquery(_next(line_of(here), "cut")))
    return sorted(newest.order_by("-main", "-created_at", "-id")[:CONVERSATIONS], key=lambda row: row.created_at)


def _next(line: QuerySet[Message], position: str) -> QuerySet[Message, Any]:
    return line.filter(position__gt=OuterRef(position)).order_by("position").values("id")[:1]


def _tree(rows: Mapping[UUID, Any], here: Conversation) -> Iterator[Branch]:
    """Depth first, each under the nearest it comes from that is shown."""
    children: dict[UUID | None, list[Any]] = {}
    for row in rows.values():
        above = (UUID(ancestor) for ancestor, _ in row.lineage)
        children.setdefault(next((one for one in above if one in rows), None), []).append(row)
    left = [(row, 0) for row in sorted(children.get(None, ()), key=lambda row: not row.main)[::-1]]
    while left:
        row, depth = left.pop()
        how = next((kind for kind in ("edits", "regenerates", "forks") if kind in row.metadata), "")
        yield Branch(row, min(depth, DEEPEST), how, row.id == here.id)
        left += [(child, depth + 1) for child in reversed(children.get(row.id, ()))]


def _points(rows: Mapping[UUID, Any], here: Conversation) -> Iterator[Point]:
    """Where something branches off from the conversations that this one is made of."""
    ends = {here.id: float("inf"), **{UUID(ancestor): upto for ancestor, upto in here.lineage}}
    places: dict[Key, list[Any]] = {}
    for row in rows.values():
        if row.parent is not None and (row.last is not None or row.id == here.id):
            places.setdefault(_place(row, rows), []).append(row)
    for (parent, cut), forks in places.items():
        at = forks[0].at
        if at is None or cut > ends.get(parent, -1):
            continue
        stays = rows.get(parent)
        members = [(fork.id, fork.first) for fork in forks]
        if stays is not None and (stays.last or 0) > cut:
            members.insert(0, (parent, forks[0].beside))
        mine = next((one for one in ends if one in {fork.id for fork in forks}), parent)
        number = next((place for place, (one, _) in enumerate(members) if one == mine), None)
        if number is not None and len(members) > 1:
            yield _point(at, members, number)


def _place(row: Any, rows: Mapping[UUID, Any]) -> Key:
    """Where it parts from the others; what shares nothing parts where what it came from began, too."""
    while not row.cut and (above := rows.get(row.parent)) is not None and above.parent is not None and not above.cut:
        row = above
    return row.parent, row.cut


def _point(at: UUID, members: Sequence[tuple[UUID, UUID | None]], number: int) -> Point:
    def address(place: int) -> str:
        if not 0 <= place < len(members):
            return ""
        conversation, message = members[place]
        return f"?conversation={conversation}" + (f"&message={message}#m-{message}" if message else "")

    return Point(at, number + 1, len(members), address(number - 1), address(number + 1))
