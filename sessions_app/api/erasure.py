"""REST for the end of a session: erasing it, and the proof that it was."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import NotFound
from sessions_app import queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in
from sessions_app.api.description.operations import describes
from sessions_app.api.views import Resource, body_of, command_from
from sessions_app.represent import moment


class ErasureView(Resource):
    """`sessions/{id}/erasure/`"""

    @describes("get_erasure", gives=shapes.Erasure)
    def get(self, request: Request, session_id: UUID) -> Response:
        """What was erased: how many of each kind, and the hash over it. For whoever was its owner."""
        erased = queries.removed_of(actor_of(request)).filter(id=session_id, erased_at__isnull=False).first()
        if erased is None:
            raise NotFound(f"Erasure not found of session: {session_id}")
        return Response({**(erased.report or {}), "erased_at": moment(erased.erased_at)})

    @describes("erase_session", gives=shapes.Erasure, command=("erase-session",), versioned=True, example={})
    def post(self, request: Request, session_id: UUID) -> Response:
        """Erase it, for good; the report."""
        body = body_of(request)
        expected = expected_version_in(body)
        execute(command_from("erase-session", body, session_id=str(session_id)), context_of(request, expected))
        return self.get(request, session_id)
