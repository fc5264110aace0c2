"""The browser's pages of graphs: a session's graphs, and one of them. Reads only; what a page asks for goes to REST.

What happens after a page was sent comes over the socket (`static/parley/graph.js`), from the version the page names."""

import json
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from sessions_app.models import Graph
from sessions_app.orchestration import prompts
from sessions_app.orchestration.represent import graph_as_asked
from sessions_app.pages.common import session_or_404

GRAPHS = 30
SHOWN = ("id", "graph", "key", "state", "attempt", "conversation", "reason")
"""What the list of nodes says, for browsers without our script; the drawing asks REST."""


class GraphsPage(LoginRequiredMixin, View):
    """`sessions/{id}/graphs/`: the session's graphs, newest first, and the form that begins one."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """A page of the list; `before` is the last graph of the page before it, `like` one to start again."""
        session = session_or_404(request, session_id)
        rows = _older_than(session.graphs.all(), request.GET.get("before", ""))
        found = list(rows.order_by("-started_at", "-id")[: GRAPHS + 1])
        older = found[GRAPHS - 1].id if len(found) > GRAPHS else None
        context = {
            "session": session,
            "graphs": found[:GRAPHS],
            "older": older,
            "begun": "before" in request.GET,
            "prompts": prompts.catalogue(),
            "like": _like(session.graphs.all(), request.GET.get("like", "")),
        }
        return render(request, "graphs/list.html", context)


class GraphPage(LoginRequiredMixin, View):
    """`sessions/{id}/graphs/{id}/`: one graph, drawn and followed by the script."""

    def get(self, request: HttpRequest, session_id: UUID, graph_id: UUID) -> HttpResponse:
        """The page. The version is read with the session, before the graph: nothing can fall between."""
        session = session_or_404(request, session_id)
        graph = session.graphs.filter(id=graph_id).first()
        if graph is None:
            raise Http404
        nodes = graph.nodes.order_by("index").only(*SHOWN)
        return render(request, "graphs/detail.html", {"session": session, "graph": graph, "nodes": nodes})


def _among(rows: QuerySet[Graph], key: str) -> Graph | None:
    try:
        return rows.filter(id=UUID(key)).first()
    except ValueError:
        return None


def _like(rows: QuerySet[Graph], key: str) -> str:
    """What would start that graph again, as JSON to be changed; "" where it is none of the session's."""
    graph = _among(rows, key)
    return json.dumps(graph_as_asked(graph), indent=2, ensure_ascii=False) if graph else ""


def _older_than(rows: QuerySet[Graph], key: str) -> QuerySet[Graph]:
    """Those that began before that one of the same session; a key that is none of its graphs changes nothing."""
    last = _among(rows, key)
    if last is None:
        return rows
    at_most = rows.filter(started_at__lte=last.started_at)  # spelled so that the index answers
    return at_most.filter(Q(started_at__lt=last.started_at) | Q(id__lt=last.id))
