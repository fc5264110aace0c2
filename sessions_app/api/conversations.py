"""REST for conversations: start, fork, rename, archive; answers made again and messages said again, in forks."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.messages import CommandResult
from sessions_app import queries
from sessions_app.api import shapes, throttles
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, matched_version, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, command_from, flag
from sessions_app.represent import conversation_as_dict


def _begun(request: Request, session_id: UUID, result: CommandResult) -> Response:
    """The new conversation, with the ids of its first message and run."""
    if not result.events:  # a repeated Idempotency-Key: the session may have been taken from whoever repeats it
        queries.session_of(actor_of(request), session_id)
    data = dict(result.data)
    row = queries.conversation_in(session_id, UUID(str(data.pop("id"))))
    more = {name: str(ident) for name, ident in data.items()}
    response = tagged(Response({**conversation_as_dict(row), **more}, status=201), result.version)
    response["Location"] = request.build_absolute_uri(f"/api/v1/sessions/{session_id}/conversations/{row.id}/")
    return response


def _begin(request: Request, session_id: UUID, name: str, body: dict[str, Any], **fixed: str) -> Response:
    expected = expected_version_in(body)
    command = command_from(name, body, session_id=str(session_id), **fixed)
    throttles.check_command(request, command)
    return _begun(request, session_id, execute(command, context_of(request, expected)))


class ConversationsView(Resource):
    """`sessions/{id}/conversations/`"""

    @describes(
        "list_conversations",
        gives=shapes.Page[shapes.Conversation],
        paged=True,
        query=(Parameter("archived", Literal["true", "false"], "those that are archived instead"),),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session's conversations, oldest first; with `archived=true` those that are archived instead."""
        session = queries.session_of(actor_of(request), session_id)
        rows = session.conversations.filter(is_archived=bool(flag(request, "archived")))
        page, cursor = keyset(request, rows, ("created_at", "id"), (datetime, UUID))
        return listed(request, page, cursor, conversation_as_dict)

    @describes(
        "begin_conversation",
        status=201,
        gives=shapes.BegunConversation,
        command=("start-conversation", "fork-conversation"),
        renamed={"id": "conversation_id"},
        versioned=True,
        codes=("budget-exhausted",),
        example={"name": "Another way", "input": "Let us begin anew."},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Start a conversation; with `message_id`, fork there."""
        body = body_of(request)
        name = "fork-conversation" if "message_id" in body else "start-conversation"
        return _begin(request, session_id, name, body)


class ConversationView(Resource):
    """`sessions/{id}/conversations/{id}/`"""

    @describes("get_conversation", gives=shapes.Conversation)
    def get(self, request: Request, session_id: UUID, conversation_id: UUID) -> Response:
        """One conversation, without its messages."""
        session = queries.session_of(actor_of(request), session_id)
        row = queries.conversation_in(session.id, conversation_id)
        return tagged(Response(conversation_as_dict(row)), session.version)  # type: ignore[attr-defined]

    @describes(
        "update_conversation",
        gives=shapes.Conversation,
        command=("update-conversation",),
        if_match="required",
        example={"is_archived": True},
    )
    def patch(self, request: Request, session_id: UUID, conversation_id: UUID) -> Response:
        """Rename it, archive it, take it back. If-Match is required."""
        expected = matched_version(request, queries.session_of(actor_of(request), session_id))
        fixed = {"session_id": str(session_id), "conversation_id": str(conversation_id)}
        command = command_from("update-conversation", body_of(request), **fixed)
        result = execute(command, context_of(request, expected))
        row = queries.conversation_in(session_id, conversation_id)
        version = result.version if result.version is not None else expected
        return tagged(Response(conversation_as_dict(row)), version)


class ForkingView(Resource):
    """`sessions/{id}/messages/{id}/regenerate/` and `…/edit/`; `command` is the command behind the address."""

    command = ""

    @describes(
        status=201,
        gives=shapes.BegunConversation,
        renamed={"id": "conversation_id"},
        versioned=True,
        codes=("budget-exhausted",),
    )
    def post(self, request: Request, session_id: UUID, message_id: UUID) -> Response:
        """The conversation that this begins."""
        return _begin(request, session_id, self.command, body_of(request), message_id=str(message_id))
