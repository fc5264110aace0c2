"""REST for tickets: how a page gets a socket with a token it must not keep, or through a proxy that eats headers."""

from rest_framework.request import Request
from rest_framework.response import Response

from bus import untrusted
from sessions_app import tickets
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of, principal_in
from sessions_app.api.conditions import context_of
from sessions_app.api.description.operations import describes
from sessions_app.api.views import Resource, body_of
from sessions_app.represent import moment


class TicketsView(Resource):
    """`tickets/`"""

    @classmethod
    def scope_of(cls, method: str) -> str:
        """The one for reading: nothing is written for long."""
        return "sessions:read"

    @describes("create_ticket", status=201, gives=shapes.SocketTicket, etag=False, located=False, body=shapes.Nothing)
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket, within seconds, with the rights of the login or token that asks. A repeated
        Idempotency-Key gets another one."""
        untrusted.convert(body_of(request), shapes.Nothing)
        context_of(request)  # a key that is none is refused as everywhere, though a ticket is never given twice
        principal = principal_in(request)
        login = "" if principal else request._request.session.session_key or ""
        text, expires_at = tickets.issue(
            tickets.Ticket(int(actor_of(request).id), login, principal.token_id if principal else None)
        )
        return Response({"ticket": text, "expires_at": moment(expires_at)}, status=201)
