"""REST for runs, and for what the next request of a session would contain."""

from typing import Any
from uuid import UUID

import msgspec
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.api import run_streams, streaming
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, tagged
from sessions_app.api.paging import keyset, listed
from sessions_app.api.renderers import JSONRenderer
from sessions_app.api.views import Resource, body_of, command_from, uuid_in
from sessions_app.llm import asking, catalog
from sessions_app.llm.context.plan import Plan
from sessions_app.models import Run
from sessions_app.represent import known_as_dict, run_as_dict
from sessions_app.values import Strategy


def _accepted(request: Request, run: Run, version: int | None, status: int = 202) -> Response:
    response = tagged(Response(run_as_dict(run), status=status), version)
    response["Location"] = request.build_absolute_uri(f"/api/v1/runs/{run.id}/")
    return response


class RunsView(Resource):
    """`sessions/{id}/runs/`"""

    noun = "runs"

    def get_renderers(self) -> list[BaseRenderer]:
        """A list is no stream; an answer may be."""
        return [JSONRenderer(), *([streaming.EventStreamRenderer()] if self.request.method == "POST" else [])]

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

    def post(self, request: Request, session_id: UUID) -> Response:
        """Ask for an answer; with `stream` it comes as it is written. A repeated Idempotency-Key gives the same run."""
        body = body_of(request)
        expected = expected_version_in(body)
        on_disconnect = run_streams.wanted(request, body)
        for name, command in (("conversation", "conversation_id"), ("id", "run_id")):
            if name in body:
                body[command] = body.pop(name)
        request_run = command_from("request-run", body, session_id=str(session_id))
        place = streaming.enter(request) if on_disconnect else None
        result = execute(request_run, context_of(request, expected))
        run = queries.run_of(actor_of(request), UUID(str(result.data["id"])))
        if place is None or on_disconnect is None:
            return _accepted(request, run, result.version)
        accepted = _accepted(request, run, result.version, status=201 if result.events else 200)
        return run_streams.begun(place, run, on_disconnect, accepted)


class RunView(Resource):
    """`runs/{id}/`"""

    noun = "runs"

    def get(self, request: Request, run_id: UUID) -> Response:
        """One run's state."""
        return Response(run_as_dict(queries.run_of(actor_of(request), run_id)))

    def patch(self, request: Request, run_id: UUID) -> Response:
        """Change what a waiting run is to answer."""
        return _changed(request, run_id, "change-queued-run", body_of(request))


class RunActionView(Resource):
    """`runs/{id}/cancel/`, `…/retry/`, `…/continue/`, `…/decisions/`; `command` is the command behind the address."""

    noun = "runs"

    command = ""
    begins_another = False

    def post(self, request: Request, run_id: UUID) -> Response:
        """The run, or the new one that this begins."""
        return _changed(request, run_id, self.command, body_of(request), begins_another=self.begins_another)


def _changed(
    request: Request, run_id: UUID, command: str, body: dict[str, Any], *, begins_another: bool = False
) -> Response:
    run = queries.run_of(actor_of(request), run_id)
    fixed = {"session_id": str(run.session_id), "run_id": str(run_id)}
    expected = expected_version_in(body)
    result = execute(command_from(command, body, **fixed), context_of(request, expected))
    shown = UUID(str(result.data["id"])) if begins_another else run_id
    run = queries.run_of(actor_of(request), shown)
    if begins_another:
        return _accepted(request, run, result.version)
    return tagged(Response(run_as_dict(run)), result.version)


class ContextView(Resource):
    """`sessions/{id}/context/plan/` and `…/context/count/`"""

    counts = False

    def get(self, request: Request, session_id: UUID) -> Response:
        """What the next request would contain and why, message by message; with `counts` the numbers alone."""
        session = queries.session_of(actor_of(request), session_id)
        conversation = queries.conversation_of(session.id, uuid_in(request, "conversation"))
        asked = asking.of_session(session, conversation)
        plan = asking.prepare(asked, _strategy(request)).plan
        return tagged(Response(_counts(plan) if self.counts else _whole(plan)), asked.upto)


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

    def get(self, request: Request) -> Response:
        """What is known of the models of the configured providers (or of one `provider`); null is unknown."""
        asked = request.query_params.get("provider")
        names = catalog.providers() if asked is None else [asked[:100]]
        found = [known_as_dict(catalog.known(name, model)) for name in names for model in catalog.models_of(name)]
        return Response({"data": found, "has_more": False, "next_cursor": None})
