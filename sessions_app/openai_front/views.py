"""`/openai/v1/`: the views check the request and begin the run; the answer is a flow that goes on without them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.response import Response

from bus.messages import Command, CommandResult
from sessions_app import commands, queries
from sessions_app.api import streaming
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute
from sessions_app.api.description.operations import describes
from sessions_app.api.description.parameters import EVENT_STREAM
from sessions_app.api.problems import as_problem
from sessions_app.api.views import Resource, body_of
from sessions_app.openai_front import body, naming
from sessions_app.openai_front.answering import Answering
from sessions_app.openai_front.answers import Asked
from sessions_app.openai_front.body import SESSION_HEADER, Wanted
from sessions_app.openai_front.errors import SERVER, FrontError, of_problem, wrong
from sessions_app.values import Role, text_of

LONGEST_TITLE = 80


def as_error(error: Exception, context: dict[str, Any]) -> Response:
    """Everything that is refused, in OpenAI's words."""
    headers: dict[str, str] = {}
    if not isinstance(error, FrontError):
        response: Any = as_problem(error, context)
        headers = {name: response[name] for name in ("Retry-After", "WWW-Authenticate") if name in response}
        error = of_problem(response.data)
    return Response(error.body, status=error.answered, headers=headers)


class Front(Resource):
    """Base of the views: errors are OpenAI's."""

    def get_exception_handler(self) -> Any:
        """For all that is raised in here."""
        return as_error


class CompletionsView(Front):
    """`chat/completions`"""

    noun = "runs"
    begins_runs = True

    @describes(
        "create_chat_completion",
        gives=dict[str, Any],
        media={streaming.MEDIA_TYPE: EVENT_STREAM},
        body=body.Body,
        etag=False,
        errors=dict[str, Any],
        example={"model": "echo", "messages": [{"role": "user", "content": "hello"}]},
    )
    def post(self, request: Request) -> Response:
        """Answer a conversation. It is kept in a session, a new one unless one is named."""
        wanted = body.read(body_of(request), request.headers.get(SESSION_HEADER))
        session = wanted.body.session_id
        if session is not None:
            queries.session_of(actor_of(request), session)
        try:
            place = streaming.enter(request)
        except streaming.NotServedHere:
            message = "Chat completions are answered by the processes that serve what is live; this is none of them."
            raise FrontError(message, status=503, kind=SERVER, code="unavailable") from None
        result = execute(command_of(wanted, session), context_of(request))
        asked = _asked(wanted, result, keyed="Idempotency-Key" in request.headers)
        return streaming.begun(place, Answering(asked, place.reader), headers={SESSION_HEADER: str(asked.session)})


def command_of(wanted: Wanted, session: UUID | None) -> Command:
    """What to do for it, in a session that is there or a new one. Raises FrontError."""
    fields: dict[str, Any] = {
        "provider": wanted.provider,
        "model": wanted.model,
        "lines": wanted.lines,
        "config": wanted.config,
        "client_tools": wanted.client_tools,
        "metadata": wanted.metadata,
    }
    if session is None:
        if wanted.body.conversation_id is not None:
            raise wrong("A conversation is one of a session: name that, too.", "session_id")
        return commands.StartChat(title=_title(wanted), **fields)
    return commands.GoOnWithChat(
        session_id=session,
        conversation_id=wanted.body.conversation_id,
        server_tools=wanted.server_tools,
        **fields,
    )


def _title(wanted: Wanted) -> str:
    """What is asked first, shortened."""
    said = (text_of(line.content).strip() for line in wanted.lines if line.role is Role.USER)
    return next((text.splitlines()[0][:LONGEST_TITLE] for text in said if text), "")


def _asked(wanted: Wanted, result: CommandResult, *, keyed: bool) -> Asked:
    told, data = wanted.body, result.data
    return Asked(
        session=UUID(str(data["session_id"])),
        conversation=UUID(str(data["conversation_id"])),
        run=UUID(str(data["id"])),
        version=result.version or 0,
        model=told.model,
        tools=frozenset(tool.name for tool in wanted.client_tools),
        stream=told.stream,
        include_usage=told.stream_options.include_usage,
        keyed=keyed,
        cancels=told.on_disconnect == "cancel",
    )


class ModelsView(Front):
    """`models`"""

    noun = "models"

    @describes("list_openai_models", gives=dict[str, Any], errors=dict[str, Any])
    def get(self, request: Request) -> Response:
        """The models that can be asked, as far as they are known."""
        return Response({"object": "list", "data": naming.listed()})


class ModelView(Front):
    """`models/{name}`"""

    noun = "models"

    @describes("get_openai_model", gives=dict[str, Any], errors=dict[str, Any])
    def get(self, request: Request, name: str) -> Response:
        """One model."""
        return Response(naming.shown(name, naming.of(name)[0]))


class Nowhere(Front):
    """All other addresses."""

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """There is nothing of the kind here."""
        message = f"There is no {request.method} {request.path} here."
        raise FrontError(message[:300], status=404, code="unknown_url")
