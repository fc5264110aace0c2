"""From events to the rows of sharing. The list's order stays: nothing was said in the session."""

from bus.messages import IMPORTED, Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import SessionShare

registry.projection_models.append(SessionShare)


@projects(events.SessionShared)
def session_shared(event: events.SessionShared, envelope: Envelope) -> None:
    """The row, or another role in it. A file that was imported lets nobody in: its people are those of elsewhere."""
    if envelope.actor.type == IMPORTED:
        return
    SessionShare.objects.update_or_create(
        session_id=envelope.stream,
        user_id=event.user_id,
        defaults={"role": event.role},
        create_defaults={
            "id": envelope.id,
            "role": event.role,
            "granted_by": str(envelope.actor),
            "created_at": envelope.recorded_at,
        },
    )


@projects(events.SessionUnshared)
def session_unshared(event: events.SessionUnshared, envelope: Envelope) -> None:
    """The row goes, unless a file says so."""
    if envelope.actor.type == IMPORTED:
        return
    SessionShare.objects.filter(session_id=envelope.stream, user_id=event.user_id).delete()
