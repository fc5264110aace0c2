"""From the events of artifacts to their rows. Part of `sessions_app.projections`."""

from bus.messages import Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import Artifact
from sessions_app.projections import touch

registry.projection_models.append(Artifact)


@projects(events.ArtifactStored)
def stored(event: events.ArtifactStored, envelope: Envelope) -> None:
    """A new row for each version."""
    Artifact.objects.create(
        id=event.artifact_id,
        session_id=envelope.stream,
        position=envelope.version,
        name=event.name,
        version=event.version,
        content_type=event.content_type,
        size=event.size,
        sha256=event.sha256,
        metadata=event.metadata,
        created_at=envelope.recorded_at,
    )
    touch(envelope)


@projects(events.ArtifactDeleted)
def deleted(event: events.ArtifactDeleted, envelope: Envelope) -> None:
    """The row stays, out of sight."""
    mine = Artifact.objects.filter(id=event.artifact_id, session_id=envelope.stream)
    mine.update(deleted_at=envelope.recorded_at)
    touch(envelope)
