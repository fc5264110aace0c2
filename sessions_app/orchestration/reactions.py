"""What follows in graphs within the same transaction: nodes begin when what they wait for has ended. After the
reactions to runs.

A fault in a graph must not keep a run from ending: then nothing of the step is kept and a worker tries it by itself,
is heard of where it fails for good, and misses nothing, since what ended is in the rows."""

from collections.abc import Iterator
from typing import Any

from bus.messages import Context, Envelope, Event
from bus.registry import reacts_to
from bus.work import queue
from sessions_app import commands, events
from sessions_app.models import Graph, GraphNode
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.rows import Rows, tolerated
from sessions_app.orchestration.steps import Step

LATER = 1.0
"""Seconds until a step that failed is tried by a worker."""


def try_later(event: Any, envelope: Envelope) -> None:
    """A worker looks at the whole graph."""
    graph_id = getattr(event, "graph_id", None)
    if graph_id is None:
        graph_id = GraphNode.objects.values_list("graph_id", flat=True).get(run=event.run_id)
    command = commands.AdvanceGraph(session_id=envelope.stream, graph_id=graph_id, whole=True)
    queue.enqueue_command(command, Context(), delay=LATER)


@reacts_to(events.GraphStarted, events.GraphRetried, otherwise=try_later)
def begin(event: Any, envelope: Envelope) -> Iterator[Event]:
    """The nodes that need wait for nobody."""
    return Step(envelope.stream, envelope.recorded_at).caught_up(event.graph_id)


@reacts_to(*events.RUN_ENDS, otherwise=try_later)
def go_on(event: Any, envelope: Envelope) -> Iterator[Event]:
    """The nodes that waited for this run's."""
    rows = Rows()
    node = rows.of_run(event.run_id)
    return iter(()) if node is None else Step(envelope.stream, envelope.recorded_at, rows).run_ended(node)


@reacts_to(events.GraphAdvanced, required=True)
def end(event: events.GraphAdvanced, envelope: Envelope) -> Iterator[Event]:
    """When every node has ended, the graph has."""
    if event.totals.done == event.totals.total:
        graph = Graph.objects.only("cancel_requested").get(id=event.graph_id)
        state = rules.outcome(tolerated(event.graph_id), cancelled=graph.cancel_requested)
        yield events.GraphEnded(graph_id=event.graph_id, state=state, totals=event.totals)
