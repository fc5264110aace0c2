"""Erasing a person: their sessions, what is shared with them, and last what is known of them. Called by
`manage.py erase_user`. Each session is erased in a transaction of its own: what stops in between is begun again.

What they said in sessions of others is those others'; there they are a number from then on."""

from uuid import UUID

from django.contrib.auth.models import User

from bus.bus import bus
from bus.messages import Context
from sessions_app import commands
from sessions_app.models import Removed, Session, SessionShare


def sessions_of(user: User) -> list[UUID]:
    """What is still there of theirs, deleted or not."""
    present = Session.objects.filter(owner=user).values_list("id", flat=True)
    deleted = Removed.objects.filter(owner=user.pk, erased_at__isnull=True).values_list("id", flat=True)
    return [*present, *deleted]


def erase(user: User) -> dict[str, int]:
    """How many sessions were erased, and how many of others' were left."""
    User.objects.filter(pk=user.pk).update(is_active=False)  # nothing new comes meanwhile
    erased = sessions_of(user)
    for session_id in erased:
        bus.execute(commands.EraseSession(session_id=session_id), Context())
    left = list(SessionShare.objects.filter(user=user).values_list("session_id", flat=True))
    for session_id in left:
        bus.execute(commands.UnshareSession(session_id=session_id, user_id=user.pk), Context())
    bus.execute(commands.EraseUser(user_id=user.pk), Context())
    return {"sessions": len(erased), "left": len(left)}
