"""REST for the history of a message, a run or a graph's node: what it came from."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import history, queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import decode_cursor, encode_cursor, limit_of, listed, whole_number
from sessions_app.api.views import Resource, uuid_in
from sessions_app.history import Node

STEPS = 50
MOST_NESTED = 50
"""Deeper trees are more than some JSON readers take."""


class HistoryView(Resource):
    """`sessions/{id}/history/`"""

    @describes(
        "get_history",
        gives=(shapes.Page[shapes.HistoryEntry], shapes.HistoryTree),
        paged=True,
        query=(
            Parameter("node", UUID, "the message, run or graph's node", required=True),
            Parameter("max_depth", Annotated[int, Meta(ge=0, le=history.MOST_STEPS)], "steps back; 50, also the most"),
            Parameter("shape", Literal["flat", "tree"], "in pages, itself last; or as a tree"),
        ),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """What `node` (a message, a run's answer, a graph's node) came from, at most `max_depth` steps back:
        `shape=flat` in pages, itself last, or `shape=tree`."""
        session = queries.session_of(actor_of(request), session_id)
        node, depth, shape = _asked(request)
        nodes = history.of(session.id, node, depth)
        return Response(history.tree(nodes)) if shape == "tree" else _page(request, list(nodes.values()))


def _asked(request: Request) -> tuple[UUID, int, str]:
    node = uuid_in(request, "node")
    if node is None:
        raise Invalid("'node' must be the id of a message, a run or a graph's node.")
    shape = request.query_params.get("shape", "flat")
    if shape not in ("flat", "tree"):
        raise Invalid("'shape' must be flat or tree.")
    most = MOST_NESTED if shape == "tree" else history.MOST_STEPS
    depth = whole_number(request, "max_depth", STEPS)
    if depth is None or depth > most:
        raise Invalid(f"'max_depth' is at most {most}.")
    return node, depth, shape


def _page(request: Request, nodes: list[Node]) -> Response:
    """What a node came from does not change, so that a place in it is a key."""
    cursor = request.query_params.get("cursor")
    begin = decode_cursor(cursor, (int,))[0] if cursor else 0
    if not 0 <= begin <= len(nodes):
        raise Invalid("This cursor is not one this list has given out.")
    end = begin + limit_of(request)
    rows = history.all_shown(nodes[begin:end])
    return listed(request, rows, encode_cursor([end]) if end < len(nodes) else None, dict)
