"""What is left of a session that was erased."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Erasure(Struct):
    """What was erased: how many of each kind, and the SHA-256 over the hashes of the log's events. `version` is that of
    the event `session-erased`."""

    session_id: UUID
    version: int
    counts: dict[str, int]
    sha256: str
    erased_at: datetime
