"""REST for tickets: how a page gets a socket with a token it must not keep, or through a proxy that eats headers."""

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import InsufficientScope
from sessions_app import tickets
from sessions_app.accounts import scopes
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of, principal_in, scopes_of
from sessions_app.api.description.operations import describes
from sessions_app.api.views import Resource
from sessions_app.represent import moment


class TicketsView(Resource):
    """`tickets/`"""

    permission_classes = (IsAuthenticated,)  # of scopes only the one for reading is asked: nothing is written for long

    @describes("create_ticket", status=201, gives=shapes.SocketTicket, etag=False, located=False, body=shapes.Nothing)
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket, within seconds, with the rights of the login or token that asks. A repeated
        Idempotency-Key gets another one."""
        lacking = scopes.missing(["sessions:read"], scopes_of(request))
        if lacking:
            raise InsufficientScope(lacking)
        principal = principal_in(request)
        login = "" if principal else request._request.session.session_key or ""
        text, expires_at = tickets.issue(
            tickets.Ticket(int(actor_of(request).id), login, principal.token_id if principal else None)
        )
        return Response({"ticket": text, "expires_at": moment(expires_at)}, status=201)
