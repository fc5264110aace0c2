"""REST for search: what was said, and the titles of sessions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import search
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import decode_cursor, encode_cursor, limit_of, listed, moment_in
from sessions_app.api.views import Resource, storable, uuid_in
from sessions_app.represent import moment
from sessions_app.values import Role

AMONG = {"messages": search.messages, "titles": search.titles}


class SearchView(Resource):
    """`search/`"""

    @describes(
        "search",
        gives=shapes.Page[shapes.Hit],
        paged=True,
        query=(
            Parameter("q", str, "words, and phrases in quotes", required=True),
            Parameter("in", Literal["messages", "titles"], "what is searched"),
            Parameter("session", UUID, "only in this session"),
            Parameter("role", Role, "only what this role said"),
            Parameter("after", datetime, "only what is newer"),
            Parameter("before", datetime, "only what is older"),
        ),
    )
    def get(self, request: Request) -> Response:
        """Messages of the caller's sessions that answer `q`, best first; with `in=titles` sessions, by their titles.
        Filters `session`, `role`, `after`, `before`."""
        given = request.query_params
        if "q" not in given:
            raise Invalid("'q' must say what is searched for.")
        find = AMONG.get(given.get("in", "messages"))
        if find is None:
            raise Invalid("'in' must be messages or titles.")
        limit = limit_of(request)
        wanted = _wanted(request, limit + 1)
        if wanted is None:
            return listed(request, [], None, dict)
        hits = find(actor_of(request), wanted)
        last = hits[limit - 1] if len(hits) > limit else None
        cursor = encode_cursor([last.rank, last.id, wanted.until]) if last else None
        return listed(request, hits[:limit], cursor, lambda hit: _shown(hit, wanted))


def _wanted(request: Request, limit: int) -> search.Search | None:
    """What is asked for; None where there is no word in it. Raises Invalid."""
    given = request.query_params
    role, after, before = given.get("role"), moment_in(request, "after"), moment_in(request, "before")
    session = uuid_in(request, "session")
    if role is not None and (role not in set(Role) or given.get("in") == "titles"):
        raise Invalid(f"'role' must be one of {', '.join(Role)}; titles have none.")
    beyond = None
    if given.get("cursor"):
        rank, last, before = decode_cursor(given["cursor"], (float, UUID, datetime))
        beyond = (rank, last)
    asked = search.asked(storable(given["q"]))
    if asked is None:
        return None
    return search.Search(asked, limit, before or asked.at, after, beyond, session, role)


def _shown(hit: search.Hit, wanted: search.Search) -> dict[str, Any]:
    return {
        "session_id": str(hit.session_id),
        "session_title": hit.title,
        "conversation_id": str(hit.conversation_id) if hit.conversation_id else None,
        "message_id": str(hit.id) if hit.conversation_id else None,
        "role": hit.role,
        "created_at": moment(hit.created_at),
        "score": hit.rank,
        "snippet": search.snippet(hit.text, wanted.asked.words),
    }
