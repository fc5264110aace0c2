"""What can have happened to a graph of prompts. What becomes of its runs is told by the events of runs."""

from uuid import UUID

from bus.messages import Event
from sessions_app.orchestration.spec import GraphKind, GraphNode, GraphState, NodeChange, Totals
from sessions_app.values import Metadata


class GraphStarted(Event):
    """Prompts that depend on each other are to be run, at most `max_parallel` at a time. `variables` are for all of
    them; a node's own come before."""

    graph_id: UUID
    name: str
    kind: GraphKind
    max_parallel: int
    nodes: list[GraphNode]
    variables: Metadata = {}
    metadata: Metadata = {}


class GraphAdvanced(Event):
    """Nodes changed their states; the totals are those after it."""

    graph_id: UUID
    changes: list[NodeChange]
    totals: Totals


class GraphCancelRequested(Event):
    """No further node is to begin; those that run are told to stop."""

    graph_id: UUID


class GraphRetried(Event):
    """These nodes, which had failed or had not run for that reason, are to run after all."""

    graph_id: UUID
    node_ids: list[UUID]
    totals: Totals


class GraphEnded(Event):
    """Every node has ended."""

    graph_id: UUID
    state: GraphState
    totals: Totals
