"""Who is calling over REST."""

from rest_framework import authentication
from rest_framework.request import Request

from bus.messages import Actor


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, with CSRF check; says 401 (not 403) to strangers."""

    def authenticate_header(self, request: Request) -> str:
        """What makes DRF answer 401."""
        return "Session"


def actor_of(request: Request) -> Actor:
    """The caller as the bus knows it."""
    return Actor("user", str(request.user.pk))
