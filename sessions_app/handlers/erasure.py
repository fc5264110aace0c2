"""Decides how long a session is kept, and that it is kept no longer."""

from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model

from bus.exceptions import Invalid, NotFound
from bus.log import store
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, events
from sessions_app.accounts.streams import stream_of
from sessions_app.artifacts import blobs
from sessions_app.erasure import counting
from sessions_app.models import Removed, Session, SessionShare


@handles(commands.EraseSession)
def erase_session(command: commands.EraseSession, context: Context) -> Any:
    """The report, and for whoever it was shared with the end of that. What is erased, reactions and projections do."""
    session_id = command.session_id
    for user_id in SessionShare.objects.filter(session_id=session_id).values_list("user_id", flat=True):
        yield events.SessionUnshared(user_id=user_id)
    count, digest = store.digest(session_id)
    erased = events.SessionErased(
        owner_id=_owner_of(session_id),
        counts={"events": count, **counting.rows_of(session_id)},
        sha256=digest,
        usage=counting.usage_of(session_id),
    )
    blobs.let_go(session_id)
    yield erased
    return {"counts": erased.counts, "sha256": erased.sha256}


@handles(commands.EraseUser)
def erase_user(command: commands.EraseUser, context: Context) -> Any:
    """Last of all: what is theirs, and what is shared with them, is looked for first."""
    user_id = command.user_id
    if not get_user_model().objects.filter(id=user_id).exists():
        raise NotFound(f"User not found with ID: {user_id}")
    theirs = Removed.objects.filter(owner=user_id, erased_at__isnull=True)
    if Session.objects.filter(owner=user_id).exists() or theirs.exists():
        raise Invalid("Erase the sessions of this user first.")
    if SessionShare.objects.filter(user=user_id).exists():
        raise Invalid("Sessions are shared with this user: end that first.")
    stream = stream_of(user_id)
    count, digest = store.digest(stream)
    yield events.UserErased(session_id=stream, user_id=user_id, counts={"events": count}, sha256=digest)
    return {"user_id": user_id}


def _owner_of(session_id: UUID) -> int | None:
    """Also of one that was deleted."""
    session = Session.objects.filter(id=session_id).only("owner_id").first()
    if session is not None:
        return session.owner_id
    return Removed.objects.filter(id=session_id).values_list("owner", flat=True).first()


@handles(commands.SetRetention)
def set_retention(command: commands.SetRetention, context: Context) -> Any:
    """An event where it is something else."""
    session = Session.objects.only("retention_days").get(id=command.session_id)
    if session.retention_days != command.days:
        yield events.RetentionSet(days=command.days)
    return {"id": session.id, "retention_days": command.days}
