"""REST for the log and the bus: a session's events, commands by name, what is registered."""

from typing import Any
from uuid import UUID

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from bus import topics
from bus.bus import bus
from bus.exceptions import Invalid, NotFound
from bus.log import settled, store
from bus.models import Work
from sessions_app import queries
from sessions_app.api import shapes, streaming, throttles
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import AFTER, EVENT_STREAM, LIMIT, POSITION, TYPES, Version
from sessions_app.api.paging import limit_of, whole_number
from sessions_app.api.problems import StreamExpired
from sessions_app.api.renderers import JSONRenderer
from sessions_app.api.views import Resource, body_of
from sessions_app.represent import moment
from sessions_app.state import SessionState, state_at
from sessions_app.streams.log import LogFlow, page_of
from sessions_app.streams.session import SessionFlow


class EventsView(Resource):
    """`sessions/{id}/events/`"""

    renderer_classes = (JSONRenderer, streaming.EventStreamRenderer)

    @describes(
        "list_events",
        gives=shapes.EventPage,
        media={streaming.MEDIA_TYPE: EVENT_STREAM},
        headers=("LastEventId",),
        query=(LIMIT, AFTER, TYPES),
        codes=("stream-expired",),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """A page of the session's log: versions above `after`; `types` takes topic patterns. With `Accept:
        text/event-stream` all of it from there on, and what comes."""
        session = queries.session_of(actor_of(request), session_id)
        if streaming.wanted(request):
            types = _types(request)
            topics.matcher(types)
            after = streaming.after_of(request)
            place = streaming.enter(request)
            return streaming.begun(place, SessionFlow(place.reader, session.id, after, types))
        return page_of_log(request, session.id, session.version)  # type: ignore[attr-defined]


def page_of_log(request: Request, stream: UUID, head: int) -> Response:
    """A page of a stream that is at version `head`, and whose reader was asked whether they may. Raises StreamExpired
    rather than leave out what is no longer there."""
    after = streaming.after_of(request)
    wanted = topics.matcher(_types(request))
    page = store.read(bus.registry, stream, after=after, limit=limit_of(request))
    if after > head or (after < head and (not page or page[0].version > after + 1)):
        raise StreamExpired(head=head)
    last = page[-1].version if page else after
    shown = [event for event in page if wanted(event.type)]
    body = {"data": shown, "has_more": last < head, "next_after": last, "head": head}
    return tagged(Response(msgspec.json.encode(body)), head)


class LogView(Resource):
    """`events/`"""

    renderer_classes = (JSONRenderer, streaming.EventStreamRenderer)

    @describes(
        "list_log",
        gives=shapes.EventPage,
        media={streaming.MEDIA_TYPE: EVENT_STREAM},
        headers=("LastEventId",),
        query=(LIMIT, POSITION, TYPES, Parameter("topics", str, "the same as `types`")),
        codes=("stream-expired",),
    )
    def get(self, request: Request) -> Response:
        """What all sessions of the caller have recorded after the position `after`, in the order of the whole log. With
        `Accept: text/event-stream` all of it from there on, and what comes."""
        types = _types(request)
        wanted = topics.matcher(types)
        after = streaming.after_of(request)
        if streaming.wanted(request):
            place = streaming.enter(request)
            return streaming.begun(place, LogFlow(place.reader, after, types))
        limit = limit_of(request)
        head = settled.position()
        if after > head and after > settled.last():  # above what is settled another process may have known it earlier
            raise StreamExpired(head=head)
        page = page_of(actor_of(request), after, head, limit + 1)
        more = len(page) > limit
        shown = [event for event in page[:limit] if wanted(event.type)]
        last = page[limit - 1].position if more else max(after, head)
        return Response(msgspec.json.encode({"data": shown, "has_more": more, "next_after": last, "head": head}))


def _types(request: Request) -> list[str]:
    """The topics that are wanted: `types`, which `topics` is another name of."""
    given = request.query_params.get("types", "") or request.query_params.get("topics", "")
    return [word for word in given.split(",") if word]


class StateView(Resource):
    """`sessions/{id}/state/`"""

    @describes("get_state", gives=SessionState, query=(Parameter("at_version", Version, "the version to go back to"),))
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session as it was at `at_version` (by default: now), folded from the log."""
        session = queries.session_of(actor_of(request), session_id)
        head: int = session.version  # type: ignore[attr-defined]
        version = whole_number(request, "at_version", head)
        if version is None or not 1 <= version <= head:
            raise Invalid(f"'at_version' must lie between 1 and {head}.")
        return Response(msgspec.json.encode(state_at(session.id, version)))


class CommandsView(Resource):
    """`commands/`"""

    noun = "commands"

    @describes(
        "run_command",
        gives=shapes.CommandAnswer,
        also={202: shapes.QueuedCommand},
        body=shapes.CommandBody,
        async_too=True,
        etag=False,
        codes=("budget-exhausted", "not-found"),
        example={"name": "list-sessions", "payload": {"limit": 10}},
    )
    def post(self, request: Request) -> Response:
        """Run a public command by name, now or (`Prefer: respond-async`) by a worker."""
        body = body_of(request)
        name, payload = body.pop("name", None), body.pop("payload", {})
        expected = expected_version_in(body)
        if not isinstance(name, str) or not isinstance(payload, dict) or body:
            raise Invalid("The body is {name, payload, expected_version?}.")
        command = bus.registry.public_command(name, payload)
        throttles.check_command(request, command)
        context = context_of(request, expected)
        if command.runs_in == "worker" or "respond-async" in request.headers.get("Prefer", ""):
            command_id = bus.enqueue(command, context)
            response = Response({"command_id": str(command_id), "state": "queued"}, status=202)
            response["Location"] = request.build_absolute_uri(f"{request.path}{command_id}/")
            return response
        result = execute(command, context)
        return Response({"command_id": str(result.command_id), "version": result.version, "data": result.data})


class CommandView(Resource):
    """`commands/{id}/`"""

    noun = "commands"

    @describes("get_command", gives=shapes.CommandState)
    def get(self, request: Request, command_id: UUID) -> Response:
        """What became of a queued command."""
        work = Work.objects.filter(id=command_id, kind="command", actor=str(actor_of(request))).first()
        if work is None:
            raise NotFound(f"Command not found with ID: {command_id}")
        return Response(_work(work))


def _work(work: Work) -> dict[str, Any]:
    return {
        "command_id": str(work.id),
        "name": work.name,
        "state": work.state,
        "attempts": work.attempts,
        "result": work.result,
        "error": work.error,
        "created_at": moment(work.created_at),
        "finished_at": moment(work.finished_at),
    }
