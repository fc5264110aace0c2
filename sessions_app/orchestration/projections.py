"""From the events of graphs to their rows. Part of `projections`."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from bus.messages import Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import Graph, GraphEdge, GraphNode
from sessions_app.orchestration.spec import Totals
from sessions_app.projections import touch

registry.projection_models += [Graph, GraphNode, GraphEdge]

_CHANGED = """jsonb_to_recordset(%(changes)s::jsonb) AS c(node_id uuid, state text, run_id uuid, conversation_id uuid,
    attempt smallint, message_id uuid, code text, reason text)"""
_TALLY = f"""
UPDATE sessions_app_graphnode AS n SET succeeded = n.succeeded + t.succeeded, bad = n.bad + t.bad,
    skipped = n.skipped + t.skipped
FROM (SELECT e.dependent_id, count(*) FILTER (WHERE c.state = 'succeeded') AS succeeded,
             count(*) FILTER (WHERE c.state IN ('failed', 'cancelled')) AS bad,
             count(*) FILTER (WHERE c.state = 'skipped') AS skipped
      FROM {_CHANGED} JOIN sessions_app_graphedge AS e ON e.dependency_id = c.node_id
      WHERE c.state IN ('succeeded', 'failed', 'skipped', 'cancelled') GROUP BY e.dependent_id) AS t
WHERE n.id = t.dependent_id
"""
_CHANGE = f"""
UPDATE sessions_app_graphnode AS n SET state = c.state, run = coalesce(c.run_id, n.run),
    conversation = coalesce(c.conversation_id, n.conversation), attempt = coalesce(c.attempt, n.attempt),
    message = coalesce(c.message_id, n.message), code = coalesce(c.code, ''), reason = coalesce(c.reason, ''),
    started_at = CASE WHEN c.state = 'running' THEN coalesce(n.started_at, %(at)s) ELSE n.started_at END,
    finished_at = CASE WHEN c.state IN ('succeeded', 'failed', 'skipped', 'cancelled') THEN %(at)s END
FROM {_CHANGED} WHERE n.id = c.node_id
"""
_RESET = """
UPDATE sessions_app_graphnode SET state = 'blocked', attempt = 0, run = NULL, message = NULL, code = '', reason = '',
    started_at = NULL, finished_at = NULL WHERE id = ANY(%(ids)s::uuid[])
"""
_COUNT_AGAIN = """
UPDATE sessions_app_graphnode AS n SET succeeded = t.succeeded, bad = t.bad, skipped = t.skipped
FROM (SELECT e.dependent_id, count(*) FILTER (WHERE d.state = 'succeeded') AS succeeded,
             count(*) FILTER (WHERE d.state IN ('failed', 'cancelled')) AS bad,
             count(*) FILTER (WHERE d.state = 'skipped') AS skipped
      FROM sessions_app_graphedge AS e JOIN sessions_app_graphnode AS d ON d.id = e.dependency_id
      WHERE e.dependent_id = ANY(%(ids)s::uuid[]) OR e.dependent_id IN
          (SELECT dependent_id FROM sessions_app_graphedge WHERE dependency_id = ANY(%(ids)s::uuid[]))
      GROUP BY e.dependent_id) AS t
WHERE n.id = t.dependent_id
"""


@projects(events.GraphStarted)
def graph_started(event: events.GraphStarted, envelope: Envelope) -> None:
    """The graph, its nodes, its edges; dependencies of earlier graphs may have ended already."""
    graph = Graph.objects.create(
        id=event.graph_id,
        session_id=envelope.stream,
        name=event.name,
        kind=event.kind,
        max_parallel=event.max_parallel,
        total=len(event.nodes),
        variables=event.variables,
        metadata=event.metadata,
        started_at=envelope.recorded_at,
    )
    GraphNode.objects.bulk_create(
        GraphNode(
            id=node.node_id,
            graph=graph,
            key=node.key,
            index=index,
            rank=node.rank,
            spec=msgspec.to_builtins(node),
            join=str(node.join),
            on_failure=node.on_dependency_failure,
            dependencies=len(node.dependencies),
        )
        for index, node in enumerate(event.nodes)
    )
    own = {node.node_id for node in event.nodes}
    known = own | _present({before for node in event.nodes for before in node.dependencies} - own)
    GraphEdge.objects.bulk_create(
        GraphEdge(dependency_id=before, dependent_id=node.node_id)
        for node in event.nodes
        for before in node.dependencies
        if before in known
    )
    waiting = [node.node_id for node in event.nodes if not own.issuperset(node.dependencies)]
    if waiting:
        _execute(_COUNT_AGAIN, ids=waiting)
    touch(envelope)


def _present(ids: Iterable[UUID]) -> set[UUID]:
    return set(GraphNode.objects.filter(id__in=list(ids)).values_list("id", flat=True))


@projects(events.GraphAdvanced)
def graph_advanced(event: events.GraphAdvanced, envelope: Envelope) -> None:
    """Each node's new state, and what it means to those that wait for it."""
    changes = msgspec.json.encode(event.changes).decode()
    _execute(_TALLY, changes=changes)
    _execute(_CHANGE, changes=changes, at=envelope.recorded_at)
    _count(event.graph_id, event.totals)
    touch(envelope)


@projects(events.GraphCancelRequested)
def graph_cancel_requested(event: events.GraphCancelRequested, envelope: Envelope) -> None:
    """Nothing more begins."""
    Graph.objects.filter(id=event.graph_id).update(cancel_requested=True)
    touch(envelope)


@projects(events.GraphRetried)
def graph_retried(event: events.GraphRetried, envelope: Envelope) -> None:
    """The nodes as if they had not run; those that wait for them wait again."""
    _execute(_RESET, ids=event.node_ids)
    _execute(_COUNT_AGAIN, ids=event.node_ids)
    _count(event.graph_id, event.totals, state=Graph.State.RUNNING, cancel_requested=False, finished_at=None)
    touch(envelope)


@projects(events.GraphEnded)
def graph_ended(event: events.GraphEnded, envelope: Envelope) -> None:
    """Its last change."""
    _count(event.graph_id, event.totals, state=event.state, finished_at=envelope.recorded_at)
    touch(envelope)


def _count(graph_id: UUID, totals: Totals, **more: Any) -> None:
    Graph.objects.filter(id=graph_id).update(
        done=totals.done,
        total=totals.total,
        running=totals.running,
        failed=totals.failed,
        tokens=totals.tokens,
        cost=totals.cost,
        eta=totals.eta,
        **more,
    )


def _execute(statement: str, **values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
