"""REST for who else may use a session."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import NotFound
from sessions_app import queries, rights
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, tagged
from sessions_app.api.description.operations import describes
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, command_from
from sessions_app.models import SessionShare
from sessions_app.represent import moment


def share_as_dict(share: SessionShare) -> dict[str, Any]:
    """Who, in which role, since when."""
    return {
        "user_id": share.user_id,
        "username": share.user.get_username(),
        "role": share.role,
        "created_at": moment(share.created_at),
    }


class SharesView(Resource):
    """`sessions/{id}/shares/`"""

    @describes("list_shares", gives=shapes.Page[shapes.Share], paged=True)
    def get(self, request: Request, session_id: UUID) -> Response:
        """With whom it is shared; those it is shared with see only themselves."""
        actor = actor_of(request)
        session = queries.session_of(actor, session_id)
        rows = SessionShare.objects.filter(session=session).select_related("user")
        if not rights.owns(actor, session_id):
            rows = rows.filter(user_id=rights.user_of(actor) or 0)
        page, cursor = keyset(request, rows, ("user_id",), (int,))
        return listed(request, page, cursor, share_as_dict)

    @describes(
        "share_session",
        status=201,
        gives=shapes.Share,
        also={200: shapes.Share},
        command=("share-session",),
        versioned=True,
        example={"username": "dora", "role": "viewer"},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Share it (`{username, role}`): 201, or 200 where it was shared with them before."""
        body = body_of(request)
        expected = expected_version_in(body)
        result = execute(command_from("share-session", body, session_id=str(session_id)), context_of(request, expected))
        share = (
            SessionShare.objects.select_related("user").filter(session=session_id, user=result.data["user_id"]).first()
        )
        if share is None:  # a repeated Idempotency-Key, after it was ended
            raise NotFound("This session is not shared with them any more.")
        response = Response(share_as_dict(share), status=201 if result.data["created"] else 200)
        response["Location"] = request.build_absolute_uri(f"{request.path}{share.user_id}/")
        return tagged(response, result.version)


class ShareView(Resource):
    """`sessions/{id}/shares/{user_id}/`"""

    @describes("unshare_session", status=204)
    def delete(self, request: Request, session_id: UUID, user_id: int) -> Response:
        """End it."""
        execute(command_from("unshare-session", {}, session_id=str(session_id), user_id=user_id), context_of(request))
        return Response(status=204)
