"""REST for API tokens."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.messages import Actor, CommandResult
from sessions_app.accounts import queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of, principal_in
from sessions_app.api.conditions import context_of, execute
from sessions_app.api.description.operations import describes
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, command_from


class TokensView(Resource):
    """`tokens/`"""

    noun = "tokens"

    @describes("list_tokens", gives=shapes.Page[shapes.Token], paged=True)
    def get(self, request: Request) -> Response:
        """The caller's tokens, newest first, those that are over or revoked too."""
        page, cursor = keyset(request, queries.tokens_of(actor_of(request)), ("-id",), (UUID,))
        return listed(request, page, cursor, queries.as_dict)

    @describes(
        "create_token",
        status=201,
        gives=shapes.NewToken,
        command=("create-token",),
        hidden=("user_id", "latest"),
        etag=False,
        example={"name": "nightly", "scopes": ["sessions:read"], "expires_in": 86400},
    )
    def post(self, request: Request) -> Response:
        """Make one: `name`, `scopes`, `expires_in` (seconds) or `expires_at`. `token` is its text, told only now; a
        repeated Idempotency-Key answers without it."""
        command = command_from("create-token", body_of(request), session_id=None, user_id=None, latest=latest(request))
        result = execute(command, context_of(request))
        return told(request, actor_of(request), result)


class TokenView(Resource):
    """`tokens/{id}/`"""

    noun = "tokens"

    @describes("get_token", gives=shapes.Token)
    def get(self, request: Request, token_id: UUID) -> Response:
        """One of the caller's tokens."""
        return Response(queries.as_dict(queries.token_of(actor_of(request), token_id)))

    @describes("revoke_token", status=204)
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke it: from now on it lets nobody in."""
        execute(command_from("revoke-token", {}, token_id=str(token_id)), context_of(request))
        return Response(status=204)


def latest(request: Request) -> str | None:
    """When a token that is made now must have ended, since the one that asks ends then."""
    principal = principal_in(request)
    return principal.expires_at.isoformat() if principal and principal.expires_at else None


def told(request: Request, actor: Actor, result: CommandResult) -> Response:
    """The new token as the first caller sees it, and as those who repeat the call do: without its text."""
    token = queries.token_of(actor, UUID(str(result.data["id"])))
    response = Response({**queries.as_dict(token), "token": (result.once or {}).get("token")}, status=201)
    response["Location"] = request.build_absolute_uri(f"{request.path}{token.id}/")
    response["Cache-Control"] = "no-store"
    return response
