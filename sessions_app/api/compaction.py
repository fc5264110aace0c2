"""REST for `context/compact/`: a summary of older messages now, and taking it back."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app import queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, matched_version, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.runs import accepted, begun_in
from sessions_app.api.views import Resource, body_of, command_from, uuid_in
from sessions_app.represent import message_as_dict


class CompactView(Resource):
    """`sessions/{id}/context/compact/`"""

    noun = "runs"
    begins_runs = True

    @describes(
        "compact_context",
        status=202,
        gives=shapes.Run,
        command=("compact-context",),
        renamed={"id": "run_id", "conversation": "conversation_id"},
        versioned=True,
        codes=("budget-exhausted",),
        example={},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Let a worker make a summary of the older half of a conversation: a run, whose message is the summary."""
        body = body_of(request)
        expected = expected_version_in(body)
        compact = command_from("compact-context", body, session_id=str(session_id))
        result = execute(compact, context_of(request, expected))
        return accepted(request, begun_in(request, result), result.version)

    @describes(
        "undo_compaction",
        gives=shapes.Message,
        query=(
            Parameter("conversation", UUID, "by default `main`"),
            Parameter("message", UUID, "this summary; by default the latest"),
        ),
    )
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Take a summary back (`message`; by default the latest of the `conversation`): what it stood for counts
        again. If-Match is honoured."""
        session = queries.session_of(actor_of(request), session_id)
        expected = matched_version(request, session) if "If-Match" in request.headers else None
        named = {"conversation_id": uuid_in(request, "conversation"), "message_id": uuid_in(request, "message")}
        given = {name: str(ident) for name, ident in named.items() if ident is not None}
        undo = command_from("undo-compaction", given, session_id=str(session_id))
        result = execute(undo, context_of(request, expected))
        summary = queries.message_of(session.id, UUID(str(result.data["id"])))
        return tagged(Response(message_as_dict(summary)), result.version)
