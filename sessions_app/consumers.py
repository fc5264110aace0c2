"""The WebSocket face: who is calling (the Django session cookie), and what they may read."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from bus.database import in_thread
from bus.live.consumers import LiveConsumer, Scope
from bus.messages import Actor
from config.middleware import is_session_key
from sessions_app import queries
from sessions_app.accounts.principals import principal_of
from sessions_app.accounts.secrets import bearer_in


class SessionsConsumer(LiveConsumer):
    """`/ws/v1/` and `/ws/sessions/{id}/`."""

    async def authenticate(self, scope: Scope) -> Actor | None:
        """The logged-in user of the cookie."""
        return await of_cookie(scope)

    async def may_read(self, actor: Actor, session: UUID) -> bool:
        """Whether the session is the actor's."""
        return await in_thread(readable, actor, session)


async def caller(scope: Scope) -> Actor | None:
    """Whose token or cookie it is, asked by the edge before a large upload is taken or a file is sent. What a token may
    do is for the view to ask."""
    text = bearer(scope)
    if text is None:
        return await of_cookie(scope)
    principal = await in_thread(principal_of, text)
    return principal.actor if principal else None


def bearer(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer …`; None where nothing of the kind is given."""
    for header, value in scope["headers"]:
        if header == b"authorization":
            return bearer_in(value.decode("latin-1"))
    return None


async def of_cookie(scope: Scope) -> Actor | None:
    """Whose cookie it is."""
    key = cookie(scope, settings.SESSION_COOKIE_NAME)
    return await in_thread(user_of, key) if key and is_session_key(key) else None


def cookie(scope: Scope, name: str) -> str | None:
    """A cookie of the handshake."""
    for header, value in scope["headers"]:
        if header == b"cookie":
            found: str | None = parse_cookie(value.decode("latin-1")).get(name)
            if found:
                return found
    return None


def user_of(key: str) -> Actor | None:
    """The active user whose session has this key."""
    request: Any = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    return Actor("user", str(user.pk)) if user.is_authenticated and user.is_active else None


def readable(actor: Actor, session: UUID) -> bool:
    """Deny unless owned."""
    return queries.sessions_of(actor).filter(id=session).exists()
