"""What can have happened to a session's artifacts. Their bytes are not in the log."""

from uuid import UUID

from bus.messages import Event
from sessions_app.values import Metadata


class ArtifactStored(Event):
    """An artifact has this version. The bytes are found by their hash; `size` counts them."""

    artifact_id: UUID
    name: str
    version: int
    content_type: str
    size: int
    sha256: str
    metadata: Metadata = {}


class ArtifactDeleted(Event):
    """A version of an artifact was removed from view; its bytes are freed later, its number is not given again."""

    artifact_id: UUID
