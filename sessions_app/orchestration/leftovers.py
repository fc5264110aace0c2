"""Graphs that nothing will bring on any more: found now and then by the sweepers, and looked at as a whole."""

from bus import sql
from bus.messages import Context
from bus.work import queue
from sessions_app import commands

_STUCK = """
SELECT g.id, g.session_id FROM sessions_app_graph AS g
WHERE g.state = 'running' AND g.started_at < now() - interval '1 minute'
  AND NOT EXISTS (SELECT FROM sessions_app_graphnode AS n JOIN sessions_app_run AS r ON r.id = n.run
                  WHERE n.graph_id = g.id AND n.state = 'running'
                    AND r.state IN ('queued', 'running', 'requires_action'))
  AND NOT EXISTS (SELECT FROM sessions_app_graphnode AS n JOIN sessions_app_graphedge AS e ON e.dependent_id = n.id
                  JOIN sessions_app_graphnode AS d ON d.id = e.dependency_id
                  JOIN sessions_app_graph AS o ON o.id = d.graph_id
                  WHERE n.graph_id = g.id AND o.id <> g.id AND o.state = 'running')
LIMIT 100
"""


def prune() -> None:
    """Have a worker look at each: nothing of it is at work, and it waits for no other graph that is."""
    for graph_id, session_id in sql.fetch(_STUCK, {}):
        queue.enqueue_command(commands.AdvanceGraph(session_id=session_id, graph_id=graph_id, whole=True), Context())
