"""From the event of an import to rows. Part of `sessions_app.projections`."""

from django.db.models import F

from bus.messages import Envelope
from bus.registry import projects
from sessions_app import events
from sessions_app.llm import status
from sessions_app.models import Artifact, Graph, GraphNode, Run
from sessions_app.projections import touch


@projects(events.SessionImported)
def imported(event: events.SessionImported, envelope: Envelope) -> None:
    """Nobody works on what was under way where the file was written, and what is not here is out of sight."""
    session, when = envelope.stream, envelope.recorded_at
    open_runs = Run.objects.filter(session_id=session, state__in=status.OPEN)
    open_runs.update(state=Run.State.INTERRUPTED, waits=False, finished_at=when)
    Artifact.objects.filter(session_id=session, id__in=event.missing).update(deleted_at=when)
    graphs = Graph.objects.filter(session_id=session, state=Graph.State.RUNNING)
    nodes = GraphNode.objects.filter(graph__in=graphs, state__in=("blocked", "ready", "running"))
    nodes.update(state=GraphNode.State.CANCELLED, finished_at=when)
    graphs.update(state=Graph.State.CANCELLED, done=F("total"), running=0, finished_at=when)
    touch(envelope)
