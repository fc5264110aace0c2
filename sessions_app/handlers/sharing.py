"""Decides who else may use a session."""

from typing import Any

from django.contrib.auth import get_user_model

from bus.exceptions import Invalid, NotFound
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, events, rights
from sessions_app.models import Session, SessionShare

MOST_SHARES = 100
NOBODY = "Nobody of that name can be given access."


@handles(commands.ShareSession)
def share_session(command: commands.ShareSession, context: Context) -> Any:
    """An event where something changes. Of people who may not log in, and of nobody, the same is said."""
    people = get_user_model().objects.filter(username=command.username, is_active=True)
    user_id = people.values_list("id", flat=True).first()
    if user_id is None:
        raise Invalid(NOBODY)
    if Session.objects.filter(id=command.session_id, owner_id=user_id).exists():
        raise Invalid("A session is not shared with its owner.")
    shares = SessionShare.objects.filter(session_id=command.session_id)
    role = shares.filter(user_id=user_id).values_list("role", flat=True).first()
    if role is None and shares.count() >= MOST_SHARES:
        raise Invalid(f"A session is shared with at most {MOST_SHARES} people.")
    if role != command.role:
        yield events.SessionShared(user_id=user_id, role=command.role)
    return {"user_id": user_id, "role": command.role, "created": role is None}


@handles(commands.UnshareSession)
def unshare_session(command: commands.UnshareSession, context: Context) -> Any:
    """Whoever is neither the owner nor the one who leaves is refused before it is said who is there."""
    if rights.user_of(context.actor) != command.user_id:
        rights.check_owner(context.actor, command.session_id)
    if not SessionShare.objects.filter(session_id=command.session_id, user_id=command.user_id).exists():
        raise NotFound(f"This session is not shared with the user {command.user_id}.")
    yield events.SessionUnshared(user_id=command.user_id)
    return {"user_id": command.user_id}
