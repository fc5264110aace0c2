"""The shapes of artifacts."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sessions_app.values import Metadata


class Artifact(Struct):
    """An artifact, without its bytes; `size` counts them."""

    id: UUID
    session_id: UUID
    name: str
    version: int
    content_type: str
    size: int
    sha256: str
    metadata: Metadata
    created_at: datetime
