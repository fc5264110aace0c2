"""A graph's nodes as the database has them, looked up as far as a step needs them: never all of a graph.

What a step changes is in the objects until its events are projected; each node is one object for the whole step."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from bus import sql
from sessions_app.orchestration import spec
from sessions_app.orchestration.graph import Node, Tally

_COLUMNS = """n.id, n.key, n.index, n.rank, n.state, n.join, n.on_failure,
    n.dependencies, n.succeeded, n.bad, n.skipped, n.graph_id, n.attempt, n.run"""
_DEPENDENTS = f"""
SELECT e.dependency_id, {_COLUMNS} FROM sessions_app_graphedge AS e
JOIN sessions_app_graphnode AS n ON n.id = e.dependent_id
WHERE e.dependency_id = ANY(%(ended)s::uuid[]) AND n.state = 'blocked' ORDER BY n.graph_id, n.index
"""
_READY = f"""
SELECT {_COLUMNS} FROM sessions_app_graphnode AS n WHERE n.graph_id = %(graph)s::uuid AND n.state = 'ready'
ORDER BY n.rank DESC, n.index LIMIT %(most)s::int
"""
_OF_GRAPH = f"SELECT {_COLUMNS} FROM sessions_app_graphnode AS n WHERE n.graph_id = %(graph)s::uuid ORDER BY n.index"
_OF_RUN = f"SELECT {_COLUMNS} FROM sessions_app_graphnode AS n WHERE n.run = %(run)s::uuid AND n.state = 'running'"
_TOLERATED = """
SELECT EXISTS (SELECT FROM sessions_app_graphedge AS e JOIN sessions_app_graphnode AS d ON d.id = e.dependent_id
               WHERE e.dependency_id = n.id AND d.graph_id = n.graph_id AND d.state = 'succeeded')
FROM sessions_app_graphnode AS n
WHERE n.graph_id = %(graph)s::uuid AND n.state IN ('failed', 'cancelled')
"""
_SPEC = "SELECT spec::text FROM sessions_app_graphnode WHERE id = %(node)s::uuid"
_RUNNING = """
SELECT count(*) FROM (SELECT FROM sessions_app_graphnode AS n JOIN sessions_app_run AS r ON r.id = n.run
                      WHERE n.state = 'running' AND r.state <> 'requires_action' LIMIT %(limit)s::int) AS found
"""


class More(NamedTuple):
    """What a node is besides its place in the graph."""

    graph_id: UUID
    attempt: int
    run: UUID | None


class Rows:
    """The nodes a step has looked at. `graph_id` is the graph whose ready nodes are asked for."""

    def __init__(self) -> None:
        self.known: dict[UUID, Node] = {}
        self.graph_id: UUID | None = None

    def of_run(self, run_id: UUID) -> Node | None:
        """The node a run is for, while it is at work."""
        rows = sql.fetch(_OF_RUN, {"run": run_id})
        return self._node(rows[0]) if rows else None

    def of_graph(self, graph_id: UUID) -> list[Node]:
        """All of a graph."""
        return [self._node(row) for row in sql.fetch(_OF_GRAPH, {"graph": graph_id})]

    def dependents(self, ended: Sequence[Node]) -> list[tuple[Node, Node]]:
        """Who waits for these; also nodes of other graphs of the session."""
        rows = sql.fetch(_DEPENDENTS, {"ended": [node.node_id for node in ended]})
        return [(self.known[row[0]], self._node(row[1:])) for row in rows]

    def ready(self, most: int) -> list[Node]:
        """The most urgent ready nodes of the graph: stored ones and those this step made ready."""
        if self.graph_id is None or most <= 0:
            return []
        changed = sum(node.more.graph_id == self.graph_id and node.state != "ready" for node in self.known.values())
        for row in sql.fetch(_READY, {"graph": self.graph_id, "most": most + changed}):
            self._node(row)
        mine = [node for node in self.known.values() if node.more.graph_id == self.graph_id and node.state == "ready"]
        return sorted(mine, key=lambda node: node.urgency)[:most]

    def _node(self, row: Sequence[Any]) -> Node:
        if row[0] not in self.known:
            self.known[row[0]] = Node(
                node_id=row[0],
                key=row[1],
                index=row[2],
                rank=row[3],
                state=row[4],
                join=int(row[5]) if row[5].isdigit() else row[5],
                on_failure=row[6],
                tally=Tally(total=row[7], succeeded=row[8], bad=row[9], skipped=row[10]),
                more=More(*row[11:]),
            )
        return self.known[row[0]]


def spec_of(node: Node) -> spec.GraphNode:
    """Its prompt and rules as recorded; long, and read only where it begins or is tried again."""
    ((encoded,),) = sql.fetch(_SPEC, {"node": node.node_id})
    return msgspec.json.decode(encoded, type=spec.GraphNode)


def tolerated(graph_id: UUID) -> list[bool]:
    """For each node that did not end well, whether a node that depends on it succeeded all the same."""
    return [row[0] for row in sql.fetch(_TOLERATED, {"graph": graph_id})]


def running(limit: int) -> int:
    """Nodes at work in the whole server, counted up to a limit; one that waits for a person is not."""
    return int(sql.fetch(_RUNNING, {"limit": limit})[0][0])
