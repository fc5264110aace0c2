"""What can be asked of a session's artifacts."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from bus.messages import SessionCommand
from sessions_app.values import Count, Metadata

ArtifactName = Annotated[str, Meta(min_length=1, max_length=200)]
ContentType = Annotated[str, Meta(min_length=3, max_length=100)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class StoreArtifact(SessionCommand):
    """Keep JSON, or a text of another content type, as the next version of that name. Bytes are uploaded instead."""

    scope = "artifacts:write"

    name: ArtifactName
    data: Any
    content_type: ContentType = "application/json"
    metadata: Metadata = {}
    artifact_id: UUID | None = None


class DeleteArtifact(SessionCommand):
    """Remove one version of an artifact."""

    scope = "artifacts:write"

    artifact_id: UUID


class RecordArtifact(SessionCommand):
    """Bytes were stored: they are the next version of that name. Only who has stored them may say so: the server, in
    the name of who brought them."""

    public = False
    for_others = True
    scope = "artifacts:write"

    name: ArtifactName
    content_type: ContentType
    sha256: Sha256
    size: Count
    metadata: Metadata = {}
    artifact_id: UUID | None = None
