"""REST for the caller's own account (its security log), and for operators: the accounts of programs."""

from uuid import UUID

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from bus import untrusted
from bus.log import store
from bus.messages import Actor, Context, StrictMeta, changed
from sessions_app.accounts import queries
from sessions_app.accounts.streams import stream_of
from sessions_app.api import shapes
from sessions_app.api.authentication import HasScope, IsOperator, actor_of
from sessions_app.api.conditions import context_of, execute
from sessions_app.api.description.operations import describes
from sessions_app.api.description.parameters import AFTER, LIMIT, TYPES
from sessions_app.api.logs import page_of_log
from sessions_app.api.paging import keyset, listed
from sessions_app.api.tokens import latest, told
from sessions_app.api.views import Resource, body_of, command_from


class AccountEventsView(Resource):
    """`account/events/`"""

    noun = "tokens"

    @describes(
        "list_account_events",
        gives=shapes.EventPage,
        headers=("LastEventId",),
        query=(LIMIT, AFTER, TYPES),
        codes=("stream-expired",),
    )
    def get(self, request: Request) -> Response:
        """A page of what happened to one's account: logins, tokens, passwords; as `sessions/{id}/events/`."""
        stream = stream_of(int(actor_of(request).id))
        return page_of_log(request, stream, store.version(stream) or 0)


class Switch(metaclass=StrictMeta):
    """The body of a PATCH."""

    is_active: bool


class Operators(Resource):
    """Base of the addresses that are for operators."""

    noun = "tokens"
    permission_classes = (IsAuthenticated, IsOperator, HasScope)


def staff_context(request: Request) -> Context:
    """The caller, acting as an operator."""
    return changed(context_of(request), actor=staff(request))


def staff(request: Request) -> Actor:
    """The operator who calls."""
    return Actor("staff", str(request.user.pk))


class ServiceAccountsView(Operators):
    """`service-accounts/`"""

    @describes("list_service_accounts", gives=shapes.Page[shapes.ServiceAccount], paged=True)
    def get(self, request: Request) -> Response:
        """All of them, newest first."""
        page, cursor = keyset(request, queries.service_accounts(), ("-user_id",), (int,))
        return listed(request, page, cursor, queries.account_as_dict)

    @describes(
        "create_service_account",
        status=201,
        gives=shapes.ServiceAccount,
        command=("create-service-account",),
        etag=False,
        example={"name": "nightly"},
    )
    def post(self, request: Request) -> Response:
        """Make one: `name`, `description`."""
        command = command_from("create-service-account", body_of(request), session_id=None)
        result = execute(command, staff_context(request))
        shown = queries.account_as_dict(queries.service_account(result.data["id"]))
        response = Response(shown, status=201)
        response["Location"] = request.build_absolute_uri(f"{request.path}{shown['id']}/")
        return response


class ServiceAccountView(Operators):
    """`service-accounts/{id}/`"""

    @describes("get_service_account", gives=shapes.ServiceAccount)
    def get(self, request: Request, user_id: int) -> Response:
        """One of them."""
        return Response(queries.account_as_dict(queries.service_account(user_id)))

    @describes("update_service_account", gives=shapes.ServiceAccount, body=Switch, etag=False)
    def patch(self, request: Request, user_id: int) -> Response:
        """`is_active`: false lets its tokens in no more, true takes that back."""
        self._switch(request, user_id, enable=untrusted.convert(body_of(request), Switch).is_active)
        return self.get(request, user_id)

    @describes("disable_service_account", status=204)
    def delete(self, request: Request, user_id: int) -> Response:
        """Disable it. It stays, with what it owns."""
        self._switch(request, user_id, enable=False)
        return Response(status=204)

    def _switch(self, request: Request, user_id: int, *, enable: bool) -> None:
        queries.service_account(user_id)
        command = command_from("disable-service-account", {}, user_id=user_id, enable=enable)
        execute(command, staff_context(request))


class ServiceTokensView(Operators):
    """`service-accounts/{id}/tokens/`"""

    @describes("list_service_tokens", gives=shapes.Page[shapes.Token], paged=True)
    def get(self, request: Request, user_id: int) -> Response:
        """Its tokens, newest first."""
        rows = queries.tokens_of(queries.account_actor(user_id))
        page, cursor = keyset(request, rows, ("-id",), (UUID,))
        return listed(request, page, cursor, queries.as_dict)

    @describes(
        "create_service_token",
        status=201,
        gives=shapes.NewToken,
        command=("create-token",),
        hidden=("latest",),
        etag=False,
        example={"name": "nightly", "scopes": ["sessions:read"]},
    )
    def post(self, request: Request, user_id: int) -> Response:
        """Make it a token, as `tokens/` does for oneself."""
        queries.service_account(user_id)
        fixed = {"session_id": None, "user_id": user_id, "latest": latest(request)}
        command = command_from("create-token", body_of(request), **fixed)
        return told(request, staff(request), execute(command, staff_context(request)))


class ServiceTokenView(Operators):
    """`service-accounts/{id}/tokens/{id}/`"""

    @describes("revoke_service_token", status=204)
    def delete(self, request: Request, user_id: int, token_id: UUID) -> Response:
        """Revoke it."""
        queries.token_of(queries.account_actor(user_id), token_id)
        execute(command_from("revoke-token", {}, token_id=str(token_id)), staff_context(request))
        return Response(status=204)
