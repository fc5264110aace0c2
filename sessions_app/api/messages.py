"""REST for the messages of a session, and its token metrics."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.api import shapes, throttles
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, matched_version, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import CONVERSATION
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, command_from, uuid_in
from sessions_app.represent import message_as_dict, moment
from sessions_app.values import TokenMetrics


class MessagesView(Resource):
    """`sessions/{id}/messages/`"""

    @describes(
        "list_messages",
        gives=shapes.Page[shapes.Message],
        paged=True,
        query=(CONVERSATION, Parameter("order", Literal["asc", "desc"], "oldest or newest first")),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """Messages of a conversation (`conversation`, by default main), oldest first; `order=desc` for newest first."""
        session = queries.session_of(actor_of(request), session_id)
        conversation = queries.conversation_of(session.id, uuid_in(request, "conversation"))
        order = {"asc": "position", "desc": "-position"}.get(request.query_params.get("order", "asc"))
        if order is None:
            raise Invalid("'order' must be asc or desc.")
        page, cursor = keyset(request, queries.messages_in(conversation), (order,), (int,))
        return listed(request, page, cursor, message_as_dict)

    @describes(
        "add_message",
        status=201,
        gives=shapes.AddedMessage,
        command=("add-message",),
        versioned=True,
        codes=("budget-exhausted",),
        example={"content": "What speaks for it?", "answer": True},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Add a message; `answer: true` also queues a run. The answer comes from the event, without another read."""
        body = body_of(request)
        expected = expected_version_in(body)
        command = command_from("add-message", body, session_id=str(session_id))
        throttles.check_command(request, command)
        result = execute(command, context_of(request, expected))
        if not result.events:  # a repeated Idempotency-Key: the first result, the message as it is now
            queries.session_of(actor_of(request), session_id)  # it may have been taken from whoever repeats it
            shown = message_as_dict(queries.message_of(session_id, UUID(result.data["id"])))
        else:
            event, data = result.events[0], result.events[0].fields()
            when = moment(event.recorded_at)
            data["id"] = data.pop("message_id")
            shown = {
                **data,
                "session_id": str(session_id),
                "position": event.version,
                "created_at": when,
                "updated_at": when,
            }
        response = tagged(
            Response({**shown, "version": result.version, **_run(result.data)}, status=201), result.version
        )
        response["Location"] = request.build_absolute_uri(f"{request.path}{shown['id']}/")
        return response


def _run(data: dict[str, Any]) -> dict[str, Any]:
    return {"answer_run_id": str(data["answer_run_id"])} if data.get("answer_run_id") else {}


class MessageView(Resource):
    """`sessions/{id}/messages/{id}/`"""

    @describes("get_message", gives=shapes.Message)
    def get(self, request: Request, session_id: UUID, message_id: UUID) -> Response:
        """One message."""
        session = queries.session_of(actor_of(request), session_id)
        message = queries.message_of(session.id, message_id)
        return tagged(Response(message_as_dict(message)), session.version)  # type: ignore[attr-defined]

    @describes(
        "update_message",
        gives=shapes.Message,
        command=("update-message",),
        if_match="required",
        example={"metadata": {"pinned": True}},
    )
    def patch(self, request: Request, session_id: UUID, message_id: UUID) -> Response:
        """Replace the content, merge into the metadata. If-Match is required."""
        expected = matched_version(request, queries.session_of(actor_of(request), session_id))
        fixed = {"session_id": str(session_id), "message_id": str(message_id)}
        result = execute(command_from("update-message", body_of(request), **fixed), context_of(request, expected))
        shown = message_as_dict(queries.message_of(session_id, message_id))
        return tagged(Response(shown), result.version if result.version is not None else expected)


class MetricsView(Resource):
    """`sessions/{id}/metrics/`"""

    @describes("get_metrics", gives=TokenMetrics)
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session's token metrics."""
        session = queries.session_of(actor_of(request), session_id)
        return tagged(Response(msgspec.to_builtins(session.metrics)), session.version)  # type: ignore[attr-defined]

    @describes(
        "add_metrics",
        gives=TokenMetrics,
        command=("update-token-metrics",),
        versioned=True,
        example={"prompt_tokens": 12, "completion_tokens": 3},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Add tokens."""
        body = body_of(request)
        expected = expected_version_in(body)
        command = command_from("update-token-metrics", body, session_id=str(session_id))
        result = execute(command, context_of(request, expected))
        return tagged(Response(result.data), result.version)
