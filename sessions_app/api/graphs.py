"""REST for graphs of prompts, parallel groups and single prompts, and for their nodes."""

from datetime import datetime
from uuid import UUID

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, in_session, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, command_from
from sessions_app.models import Graph
from sessions_app.orchestration.represent import graph_as_dict, graph_info, node_as_dict
from sessions_app.orchestration.spec import GraphPlan, GraphState


class GraphsView(Resource):
    """`sessions/{id}/graphs/`"""

    noun = "graphs"
    begins_runs = True

    @describes(
        "list_graphs",
        gives=shapes.Page[shapes.GraphInfo],
        paged=True,
        query=(Parameter("state", GraphState, "only in this state"),),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session's graphs without their nodes, newest first; filter `state`."""
        session = queries.session_of(actor_of(request), session_id)
        rows = session.graphs.all()
        if "state" in request.query_params:
            state = request.query_params["state"]
            if state not in Graph.State.values:
                raise Invalid(f"'state' is one of {', '.join(Graph.State.values)}.")
            rows = rows.filter(state=state)
        page, cursor = keyset(request, rows, ("-started_at", "-id"), (datetime, UUID))
        return listed(request, page, cursor, graph_info)

    @describes(
        "start_graph",
        status=202,
        gives=shapes.Graph,
        also={200: GraphPlan},
        command=("start-graph", "execute-parallel", "execute-prompt"),
        renamed={"id": "graph_id"},
        versioned=True,
        codes=("budget-exhausted",),
        example={
            "nodes": [
                {"key": "ask", "prompt": "Which question about buses is worth an answer?"},
                {"key": "answer", "prompt": "{{ nodes.ask.output }}", "dependencies": ["ask"]},
            ]
        },
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Start a graph (`nodes`), a parallel group (`prompts`) or one prompt (`prompt`); with `dry_run` a graph is
        only checked, ordered and estimated."""
        body = body_of(request)
        expected = expected_version_in(body)
        name = "execute-parallel" if "prompts" in body else "execute-prompt" if "prompt" in body else "start-graph"
        result = execute(command_from(name, body, session_id=str(session_id)), context_of(request, expected))
        if body.get("dry_run"):
            return Response(msgspec.to_builtins(result.data))
        graph_id = result.data["graph_id" if name == "execute-prompt" else "id"]
        graph = queries.graph_of(actor_of(request), UUID(str(graph_id)))
        response = tagged(Response(graph_as_dict(graph), status=202), result.version)
        response["Location"] = request.build_absolute_uri(f"/api/v1/graphs/{graph.id}/")
        return response


class GraphView(Resource):
    """`graphs/{id}/`"""

    noun = "graphs"

    @describes("get_graph", gives=shapes.Graph)
    def get(self, request: Request, graph_id: UUID) -> Response:
        """Its state, node by node."""
        graph = queries.graph_of(actor_of(request), graph_id)
        return in_session(graph, graph_as_dict(graph))


class GraphActionView(Resource):
    """`graphs/{id}/cancel/` and `…/retry/`; `command` is the command behind the address."""

    noun = "graphs"

    command = ""

    @describes(gives=shapes.Graph, versioned=True)
    def post(self, request: Request, graph_id: UUID) -> Response:
        """The graph as it is after it."""
        graph = queries.graph_of(actor_of(request), graph_id)
        body = body_of(request)
        expected = expected_version_in(body)
        fixed = {"session_id": str(graph.session_id), "graph_id": str(graph_id)}
        result = execute(command_from(self.command, body, **fixed), context_of(request, expected))
        return tagged(Response(graph_as_dict(queries.graph_of(actor_of(request), graph_id))), result.version)


class NodeView(Resource):
    """`nodes/{id}/`"""

    noun = "graphs"

    @describes("get_node", gives=shapes.Node)
    def get(self, request: Request, node_id: UUID) -> Response:
        """One node's state: what became of a prompt."""
        node = queries.node_of(actor_of(request), node_id)
        return in_session(node, node_as_dict(node))
