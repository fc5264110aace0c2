"""The WebSocket face: who is calling (a login's cookie, a token, a ticket), and what they may read."""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.http.cookie import parse_cookie

from bus.database import in_thread
from bus.live.consumers import LiveConsumer, Scope
from bus.live.identity import Credential
from bus.live.protocol import Caller
from bus.messages import Actor
from config.credentials import shown
from config.middleware import is_session_key
from sessions_app import listing, queries, tickets
from sessions_app.accounts import principals
from sessions_app.accounts.secrets import bearer_in
from sessions_app.accounts.streams import stream_of


class SessionsConsumer(LiveConsumer):
    """`/ws/v1/` and `/ws/sessions/{id}/`."""

    async def credential(self, scope: Scope) -> Credential | None:
        """A token or a ticket where one is shown, whatever cookie comes with it; else the cookie's login."""
        given = shown(scope)
        if given is None:
            key = cookie(scope, settings.SESSION_COOKIE_NAME)
            return partial(in_thread, of_login, key) if key and is_session_key(key) else None
        if given.kind == "bearer":
            return self.credential_of(given.text)
        ticket = await in_thread(tickets.consume, given.text)
        return partial(in_thread, of_ticket, ticket) if ticket is not None else None

    def credential_of(self, token: str) -> Credential:
        """An API token."""
        return partial(in_thread, of_token, token)

    async def readable(self, actor: Actor, sessions: Sequence[UUID]) -> Collection[UUID]:
        """Those that are the actor's, or shared with the actor."""
        return await in_thread(readable_of, actor, sessions)

    def account_of(self, actor: Actor) -> UUID:
        """The stream of the user's account."""
        return stream_of(int(actor.id))

    async def follow_list(self, actor: Actor) -> None:
        """Notices of the user's sessions."""
        await listing.follow(int(actor.id))


async def caller(scope: Scope) -> Actor | None:
    """Whose token or cookie it is, asked by the edge before a large upload is taken or a file is sent. What a token may
    do is for the view to ask."""
    text = bearer(scope)
    if text is None:
        return await of_cookie(scope)
    principal = await in_thread(principals.principal_of, text)
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


def of_login(key: str) -> Caller | None:
    """Who is logged in."""
    actor = user_of(key)
    return Caller(actor) if actor is not None else None


def of_token(text: str) -> Caller | None:
    """Whose token it is, and what it may do."""
    return _caller_of(principals.principal_of(text))


def of_ticket(ticket: tickets.Ticket) -> Caller | None:
    """Who made it, as long as what they made it with is good."""
    if ticket.token is not None:
        return _caller_of(principals.principal_with(ticket.token))
    caller = of_login(ticket.login)
    return caller if caller is not None and caller.actor.id == str(ticket.user_id) else None


def _caller_of(principal: principals.Principal | None) -> Caller | None:
    return None if principal is None else Caller(principal.actor, principal.scopes, principal.expires_at)


def readable_of(actor: Actor, sessions: Sequence[UUID]) -> set[UUID]:
    """Deny unless owned or shared."""
    return set(queries.sessions_of(actor).filter(id__in=sessions).values_list("id", flat=True))
