"""REST for runs, and for what the next request of a session would contain."""

from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

import msgspec
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from bus.messages import CommandResult
from sessions_app import queries
from sessions_app.api import run_streams, shapes, streaming
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, in_session, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import CONVERSATION, EVENT_STREAM
from sessions_app.api.paging import keyset, listed
from sessions_app.api.renderers import JSONRenderer
from sessions_app.api.views import Resource, body_of, command_from, uuid_in
from sessions_app.llm import asking, catalog
from sessions_app.llm.context.plan import Plan
from sessions_app.llm.status import Status
from sessions_app.models import Run
from sessions_app.represent import known_as_dict, run_as_dict
from sessions_app.values import Strategy

STRATEGY = Parameter("strategy", Strategy, "instead of the session's")


def begun_in(request: Request, result: CommandResult) -> Run:
    """The run that a command has begun."""
    return queries.run_of(actor_of(request), UUID(str(result.data["id"])))


def accepted(request: Request, run: Run, version: int | None, status: int = 202) -> Response:
    """The run as the answer to who asked for it."""
    response = tagged(Response(run_as_dict(run), status=status), version)
    response["Location"] = request.build_absolute_uri(f"/api/v1/runs/{run.id}/")
    return response


class RunsView(Resource):
    """`sessions/{id}/runs/`"""

    noun = "runs"
    begins_runs = True

    def get_renderers(self) -> list[BaseRenderer]:
        """A list is no stream; an answer may be."""
        return [JSONRenderer(), *([streaming.EventStreamRenderer()] if self.request.method == "POST" else [])]

    @describes(
        "list_runs",
        gives=shapes.Page[shapes.Run],
        paged=True,
        query=(Parameter("state", Status, "only in this state"), CONVERSATION),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session's runs, newest first; filters `state`, `conversation`."""
        session = queries.session_of(actor_of(request), session_id)
        rows = session.runs.all()
        if "state" in request.query_params:
            state = request.query_params["state"]
            if state not in Run.State.values:
                raise Invalid(f"'state' is one of {', '.join(Run.State.values)}.")
            rows = rows.filter(state=state)
        if (conversation := uuid_in(request, "conversation")) is not None:
            rows = rows.filter(conversation_id=conversation)
        page, cursor = keyset(request, rows, ("-id",), (UUID,))
        return listed(request, page, cursor, run_as_dict)

    @describes(
        "request_run",
        status=202,
        gives=shapes.Run,
        also={201: None, 200: None},
        media={streaming.MEDIA_TYPE: EVENT_STREAM},
        command=("request-run",),
        more={"stream": bool, "on_disconnect": Literal["continue", "cancel"] | None},
        renamed={"id": "run_id", "conversation": "conversation_id"},
        versioned=True,
        codes=("budget-exhausted",),
        example={"input": "hello", "timeout": 60, "budget": {"usd": "0.05"}},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Ask for an answer; with `stream` it comes as it is written. A repeated Idempotency-Key gives the same run."""
        body = body_of(request)
        expected = expected_version_in(body)
        on_disconnect = run_streams.wanted(request, body)
        request_run = command_from("request-run", body, session_id=str(session_id))
        place = streaming.enter(request) if on_disconnect else None
        result = execute(request_run, context_of(request, expected))
        run = begun_in(request, result)
        if place is None or on_disconnect is None:
            return accepted(request, run, result.version)
        answer = accepted(request, run, result.version, status=201 if result.events else 200)
        return run_streams.begun(place, run, on_disconnect, answer)


class RunView(Resource):
    """`runs/{id}/`"""

    noun = "runs"

    @describes("get_run", gives=shapes.Run)
    def get(self, request: Request, run_id: UUID) -> Response:
        """One run's state."""
        run = queries.run_of(actor_of(request), run_id)
        return in_session(run, run_as_dict(run))

    @describes(
        "change_queued_run",
        gives=shapes.Run,
        command=("change-queued-run",),
        versioned=True,
        example={"input": "something else"},
    )
    def patch(self, request: Request, run_id: UUID) -> Response:
        """Change what a waiting run is to answer."""
        return _changed(request, run_id, "change-queued-run")


class RunActionView(Resource):
    """`runs/{id}/cancel/` and `…/decisions/`; `command` is the command behind the address."""

    noun = "runs"

    command = ""

    @describes(gives=shapes.Run, versioned=True)
    def post(self, request: Request, run_id: UUID) -> Response:
        """The run as it is after it."""
        return _changed(request, run_id, self.command)


class RunAgainView(Resource):
    """`runs/{id}/retry/` and `…/continue/`; `command` is the command behind the address."""

    noun = "runs"
    begins_runs = True

    command = ""

    @describes(status=202, gives=shapes.Run, versioned=True, codes=("budget-exhausted",))
    def post(self, request: Request, run_id: UUID) -> Response:
        """The new run that this begins."""
        result = _done(request, run_id, self.command)
        return accepted(request, begun_in(request, result), result.version)


def _changed(request: Request, run_id: UUID, command: str) -> Response:
    result = _done(request, run_id, command)
    return tagged(Response(run_as_dict(queries.run_of(actor_of(request), run_id))), result.version)


def _done(request: Request, run_id: UUID, command: str) -> CommandResult:
    """The command about that run, with the fields of the body, is done."""
    run = queries.run_of(actor_of(request), run_id)
    body = body_of(request)
    expected = expected_version_in(body)
    fixed = {"session_id": str(run.session_id), "run_id": str(run_id)}
    return execute(command_from(command, body, **fixed), context_of(request, expected))


class ContextPlanView(Resource):
    """`sessions/{id}/context/plan/`"""

    @describes("plan_context", gives=shapes.ContextPlan, query=(CONVERSATION, STRATEGY))
    def get(self, request: Request, session_id: UUID) -> Response:
        """What the next request would contain and why, message by message."""
        return _planned(request, session_id, _whole)


class ContextCountView(Resource):
    """`sessions/{id}/context/count/`"""

    @describes("count_context", gives=shapes.ContextCount, query=(CONVERSATION, STRATEGY))
    def get(self, request: Request, session_id: UUID) -> Response:
        """How many tokens the next request would take."""
        return _planned(request, session_id, _counts)


def _planned(request: Request, session_id: UUID, shape: Callable[[Plan], dict[str, Any]]) -> Response:
    session = queries.session_of(actor_of(request), session_id)
    conversation = queries.conversation_of(session.id, uuid_in(request, "conversation"))
    asked = asking.of_session(session, conversation)
    return Response(shape(asking.prepare(asked, _strategy(request)).plan))  # what is known of models counts, too


def _strategy(request: Request) -> Strategy | None:
    given = request.query_params.get("strategy")
    try:
        return msgspec.convert(given, Strategy) if given is not None else None
    except msgspec.ValidationError:
        raise Invalid("'strategy' is one of summarize, truncate, relevance, adaptive.") from None


def _counts(plan: Plan) -> dict[str, Any]:
    return {
        "tokens": plan.tokens,
        "budget": plan.budget,
        "occupancy": plan.occupancy,
        "strategy": plan.strategy,
        "method": plan.method,
        "estimated": True,
    }


def _whole(plan: Plan) -> dict[str, Any]:
    wanted = plan.wanted_summary
    return {
        **_counts(plan),
        "messages": msgspec.to_builtins(plan.decisions),
        "turns": msgspec.to_builtins(plan.turns),
        "wants_summary_of": [str(ident) for ident in wanted.ids] if wanted else [],
    }


class ModelsView(Resource):
    """`models/`"""

    noun = "models"

    @describes(
        "list_models",
        gives=shapes.Page[shapes.Model],
        query=(Parameter("provider", str, "only of this provider"),),
    )
    def get(self, request: Request) -> Response:
        """What is known of the models of the configured providers (or of one `provider`); null is unknown."""
        asked = request.query_params.get("provider")
        names = catalog.providers() if asked is None else [asked[:100]]
        found = [catalog.known(name, model) for name in names for model in catalog.models_of(name)]
        return listed(request, found, None, known_as_dict)
