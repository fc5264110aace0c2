"""Who is calling over REST: a program with a token, or a browser with its session."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import authentication, permissions
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from bus.exceptions import InsufficientScope
from bus.messages import Actor
from config.logins import Backend
from sessions_app.accounts import scopes
from sessions_app.accounts.principals import Principal, principal_of
from sessions_app.accounts.secrets import bearer_in

REFUSED = "This token is not good: it is wrong, over or revoked, or its account is disabled."


class BearerAuthentication(authentication.BaseAuthentication):
    """An API token. No CSRF check: no browser sends one by itself. `request.auth` is the Principal."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        """The token's user. Raises AuthenticationFailed, in the same words whatever is wrong with it."""
        text = bearer_in(request.headers.get("Authorization", ""))
        if text is None:
            return None
        principal = principal_of(text)
        user = Backend().get_user(principal.actor.id) if principal else None
        if principal is None or user is None:
            raise AuthenticationFailed(REFUSED)
        return user, principal

    def authenticate_header(self, request: Request) -> str:
        """What makes DRF answer 401 (not 403) to strangers."""
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, with CSRF check."""


class HasScope(permissions.BasePermission):
    """A token needs the scope of the address: `<noun>:read` for safe methods, `<noun>:write` for the others."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raises InsufficientScope."""
        lacking = scopes.missing([scopes.of_request(view.noun, request.method or "")], scopes_of(request))
        if lacking:
            raise InsufficientScope(lacking)
        return True


class IsOperator(permissions.BasePermission):
    """For staff only, whatever there is."""

    message = "This is for operators."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Staff are told so by their user, with a token of theirs too."""
        return bool(getattr(request.user, "is_staff", False))


def actor_of(request: Request) -> Actor:
    """The caller as the bus knows it."""
    return Actor("user", str(request.user.pk))


def principal_in(request: Request) -> Principal | None:
    """The token the caller brought; None for a browser."""
    return request.auth if isinstance(request.auth, Principal) else None


def scopes_of(request: Request) -> frozenset[str] | None:
    """What the caller's token may do; None: everything."""
    principal = principal_in(request)
    return principal.scopes if principal else None
