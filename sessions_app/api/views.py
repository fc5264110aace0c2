"""The base of all REST views, and sessions. Reads are queries; every write is a command."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bus.bus import bus
from bus.exceptions import Invalid
from bus.messages import Command
from sessions_app import queries, rights, search
from sessions_app.accounts.scopes import of_request
from sessions_app.api import shapes, throttles
from sessions_app.api.authentication import actor_of
from sessions_app.api.caching import conditional
from sessions_app.api.conditions import context_of, execute, matched_version, tagged
from sessions_app.api.description.operations import Parameter, declared, describes
from sessions_app.api.paging import keyset, listed, moment_in
from sessions_app.models import Session
from sessions_app.represent import session_as_dict, session_info


class Resource(APIView):
    """Base of all views. A token needs the scope `<noun>:read` for safe methods, `<noun>:write` for the others."""

    noun: ClassVar[str] = "sessions"
    begins_runs: ClassVar[bool] = False
    """Whether its POST has a rate of its own."""

    @classmethod
    def scope_of(cls, method: str) -> str:
        """What a token needs for that method."""
        return of_request(cls.noun, method)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """DRF takes a request without Content-Length for one without a body; one sent in chunks has none, either."""
        if "CONTENT_LENGTH" not in request.META:
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        return super().initialize_request(request, *args, **kwargs)

    def check_throttles(self, request: Request) -> None:
        """Raises RateLimited."""
        begins = self.begins_runs and request.method == "POST"
        throttles.check(request, "runs" if begins else "reads" if request.method in throttles.SAFE else "writes")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What is read has an ETag; what is counted, the rate."""
        made = super().finalize_response(request, response, *args, **kwargs)
        return throttles.with_rate(request, conditional(request, made))


def body_of(request: Request) -> dict[str, Any]:
    """The request's body, which must be an object, with the fields that the operation has `renamed` under the names
    they stand for. Raises Invalid."""
    if not isinstance(request.data, dict):
        raise Invalid("The body must be a JSON object.")
    body = dict(request.data)
    operation = declared(request.parser_context["view"], request.method or "")
    for name, field in operation.renamed.items() if operation else ():
        if name in body:
            body[field] = body.pop(name)
    return body


def command_from(name: str, body: dict[str, Any], **fixed: Any) -> Command:
    """The command of that name from a body; what the address fixes cannot be given in the body. Raises Invalid."""
    for field in fixed:
        if field in body:
            raise Invalid(f"{field!r} comes from the address, not from the body.")
    return bus.registry.command(name, {**body, **fixed})


def session_answer(actor_request: Request, session_id: UUID, status: int = 200) -> Response:
    """The session as it is now, with its ETag."""
    session = queries.session_of(actor_of(actor_request), session_id)
    return tagged(Response(session_as_dict(session), status=status), session.version)  # type: ignore[attr-defined]


# a session that began later than that was changed later, too: the index of changes ends the search
_MOMENTS = {
    "created_after": ("created_at__gt", "updated_at__gt"),
    "created_before": ("created_at__lt",),
    "updated_after": ("updated_at__gt",),
}


class SessionsView(Resource):
    """`sessions/`"""

    @describes(
        "list_sessions",
        gives=shapes.Page[shapes.SessionInfo],
        paged=True,
        query=(
            Parameter("shared", Literal["true", "false"], "what others share, not one's own"),
            Parameter("is_active", Literal["true", "false"], "only these"),
            Parameter("provider", str, "only of this provider"),
            Parameter("model", str, "only of this model"),
            Parameter("q", str, "words of the title, as in `search/`; of others' titles a part"),
            *(Parameter(name, datetime, "the moment itself is not among them") for name in _MOMENTS),
        ),
    )
    def get(self, request: Request) -> Response:
        """The caller's sessions, or with `shared=true` what others share with the caller, newest change first; filters
        `is_active`, `provider`, `model`, `q` (words of the title, as in `search/`; of others' titles a part),
        `created_after`, `created_before`, `updated_after`."""
        which = rights.shared_with if flag(request, "shared") else queries.own_of
        rows = self._filtered(request, queries.with_version(which(actor_of(request))))
        page, cursor = keyset(request, rows, ("-updated_at", "-id"), (datetime, UUID))
        return listed(request, page, cursor, session_info)

    def _filtered(self, request: Request, rows: QuerySet[Session]) -> QuerySet[Session]:
        query = request.query_params
        for name in ("provider", "model"):
            if name in query:
                rows = rows.filter(**{name: storable(query[name])})
        active = flag(request, "is_active")
        if active is not None:
            rows = rows.filter(is_active=active)
        for name, condition in _MOMENTS.items():
            if (when := moment_in(request, name)) is not None:
                rows = rows.filter(**dict.fromkeys(condition, when))
        return self._titled(request, rows, storable(query["q"])) if query.get("q") else rows

    def _titled(self, request: Request, rows: QuerySet[Session], text: str) -> QuerySet[Session]:
        if flag(request, "shared"):  # the index knows titles by their owners
            return rows.filter(title__icontains=text)
        question = search.asked(text)
        if question is None:
            return rows.none()
        return rows.filter(id__in=search.titled(actor_of(request), question).values("session_id"))

    @describes(
        "create_session",
        status=201,
        gives=shapes.Session,
        command=("create-session",),
        renamed={"id": "session_id"},
        example={"title": "Plans", "config": {"provider": "echo", "model": "echo"}},
    )
    def post(self, request: Request) -> Response:
        """Create a session."""
        result = execute(command_from("create-session", body_of(request)), context_of(request))
        response = session_answer(request, UUID(str(result.data["id"])), status=201)
        response["Location"] = request.build_absolute_uri(f"{request.path}{result.data['id']}/")
        return response


def flag(request: Request, name: str) -> bool | None:
    """A query parameter that is true or false. Raises Invalid."""
    given = request.query_params.get(name)
    if given not in (None, "true", "false"):
        raise Invalid(f"{name!r} must be true or false.")
    return None if given is None else given == "true"


def storable(text: str) -> str:
    """A text of a query that PostgreSQL takes. Raises Invalid."""
    if "\x00" in text:
        raise Invalid("Text must not contain NUL characters.")
    return text[:200]


class SessionView(Resource):
    """`sessions/{id}/`"""

    @describes("get_session", gives=shapes.Session)
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session without its messages."""
        return session_answer(request, session_id)

    @describes(
        "ensure_session", gives=shapes.Session, also={201: shapes.Session}, command=("ensure-session",), example={}
    )
    def put(self, request: Request, session_id: UUID) -> Response:
        """Ensure that the session exists; 201 when this created it. An existing one is not changed."""
        command = command_from("ensure-session", body_of(request), session_id=str(session_id))
        result = execute(command, context_of(request))
        response = session_answer(request, session_id, status=201 if result.data["created"] else 200)
        if response.status_code == 201:
            response["Location"] = request.build_absolute_uri()
        return response

    @describes(
        "update_session",
        gives=shapes.Session,
        command=("update-session",),
        if_match="required",
        example={"title": "Better plans", "config": {"temperature": 0.2}},
    )
    def patch(self, request: Request, session_id: UUID) -> Response:
        """Change it; configuration and metadata merge deeply. If-Match is required."""
        expected = matched_version(request, queries.session_of(actor_of(request), session_id))
        command = command_from("update-session", body_of(request), session_id=str(session_id))
        execute(command, context_of(request, expected))
        return session_answer(request, session_id)

    @describes("delete_session", status=204, if_match="required")
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Remove it from view. If-Match is required."""
        expected = matched_version(request, queries.session_of(actor_of(request), session_id))
        execute(command_from("delete-session", {}, session_id=str(session_id)), context_of(request, expected))
        return Response(status=204)


def uuid_in(request: Request, name: str) -> UUID | None:
    """A query parameter that is an id. Raises Invalid."""
    given = request.query_params.get(name)
    try:
        return UUID(given) if given else None
    except ValueError:
        raise Invalid(f"{name!r} must be an id, not {given!r:.40}.") from None
