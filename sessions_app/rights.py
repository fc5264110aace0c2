"""What an actor may do with a session: its owner everything, an editor change it, a viewer read it; as query sets and
as SQL. Called by `queries` and `access`.

A tool at work in a shared session is `session:<id>`: it reaches that session and nothing else of its owner's."""

from datetime import datetime
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When

from bus import sql
from bus.exceptions import Forbidden
from bus.messages import Actor
from bus.models import StoredEvent
from bus.registry import Condition
from sessions_app.events import SessionUnshared
from sessions_app.models import Session, SessionShare

ALL_SEEING = frozenset({"system", "staff", "plugin"})
"""Kinds of actors that are not people at the public faces: the server itself, its plugins, operators in the admin."""

MAY_READ = "You may read this session, not change it."
OWNER_ONLY = "Only the owner of this session may do this."

_ANY = "EXISTS (SELECT FROM sessions_app_session WHERE id = %(stream)s::uuid)"
_IN_HERE = f"(%(stream)s::uuid = %(only)s::uuid AND {_ANY})"
_OWNS = "EXISTS (SELECT FROM sessions_app_session WHERE id = %(stream)s::uuid AND owner_id = %(user)s::int)"
_EDITS = """(EXISTS (SELECT FROM sessions_app_session WHERE id = %(stream)s::uuid AND owner_id = %(user)s::int)
    OR EXISTS (SELECT FROM sessions_app_sessionshare
               WHERE session_id = %(stream)s::uuid AND user_id = %(user)s::int AND role = 'editor'))"""


def user_of(actor: Actor) -> int | None:
    """The id of the person who acts, if it is one."""
    return int(actor.id) if actor.type == "user" and actor.id.isdigit() else None


def confined(session_id: UUID) -> Actor:
    """Somebody who may read and change this session, and no other."""
    return Actor("session", str(session_id))


def readable(actor: Actor) -> QuerySet[Session]:
    """The sessions the actor may read: one's own, and those that others share with one. To look up one, or what belongs
    to one: of many, the OR would read the whole table; `own` and `shared_with` are lists."""
    user = user_of(actor)
    if user is None:
        return _of_no_person(actor)
    shares = SessionShare.objects.filter(session_id=OuterRef("id"), user_id=user)
    return Session.objects.filter(Q(owner_id=user) | Exists(shares))


def own(actor: Actor) -> QuerySet[Session]:
    """The sessions that are the actor's."""
    user = user_of(actor)
    return _of_no_person(actor) if user is None else Session.objects.filter(owner_id=user)


def _of_no_person(actor: Actor) -> QuerySet[Session]:
    if actor.type in ALL_SEEING:
        return Session.objects.all()
    return Session.objects.filter(id=actor.id) if actor.type == "session" else Session.objects.none()


def shared_with(actor: Actor) -> QuerySet[Session]:
    """What others share with the actor, each with `role` and the owner's name."""
    rows = Session.objects.filter(shares__user_id=user_of(actor) or 0)
    return rows.annotate(role=F("shares__role"), owner_name=F("owner__username"))


def with_role(sessions: QuerySet[Session], actor: Actor) -> QuerySet[Session]:
    """Each session the actor may read with the actor's `role`, and the owner's name where that is somebody else."""
    user = user_of(actor)
    if user is None:
        return sessions
    role = SessionShare.objects.filter(session_id=OuterRef("id"), user_id=user).values("role")
    others = ~Q(owner_id=user)
    return sessions.annotate(
        role=Case(When(others, then=Subquery(role)), default=Value("owner")),
        owner_name=Case(When(others, then=F("owner__username")), default=None),
    )


def to_change(actor: Actor) -> Condition | None:
    """What must hold of the one session, as SQL for the guard of every command; None: never."""
    return _condition(actor, _EDITS)


def may_change(actor: Actor, session_id: UUID) -> bool:
    """Whether the actor may change that session: one prepared look-up."""
    return _holds(to_change(actor), session_id)


def owns(actor: Actor, session_id: UUID) -> bool:
    """Whether the actor may do everything with that session."""
    return actor.type != "session" and _holds(_condition(actor, _OWNS), session_id)


def _condition(actor: Actor, of_people: str) -> Condition | None:
    if actor.type in ALL_SEEING:
        return Condition(_ANY)
    if actor.type == "session":
        return Condition(_IN_HERE, {"only": actor.id})
    user = user_of(actor)
    return None if user is None else Condition(of_people, {"user": user})


def _holds(condition: Condition | None, session_id: UUID) -> bool:
    if condition is None:
        return False
    return bool(sql.fetch(f"SELECT 1 WHERE {condition.sql}", {"stream": session_id, **condition.values}))


def is_shared(session_id: UUID, since: datetime | None = None) -> bool:
    """Whether anybody but its owner may use the session, or could at any time `since`."""
    if SessionShare.objects.filter(session_id=session_id).exists():
        return True
    if since is None:
        return False
    ended = StoredEvent.objects.filter(stream=session_id, type=SessionUnshared.type, recorded_at__gte=since)
    return ended.exists()


def check_owner(actor: Actor, session_id: UUID) -> None:
    """Of a session the actor may read. Raises Forbidden."""
    if not owns(actor, session_id):
        raise Forbidden(OWNER_ONLY)
