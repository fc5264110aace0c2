"""Who else may use a session, and what is left of one that was erased."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from sessions_app.values import ShareRole


class Share(Struct):
    """Somebody who may use a session."""

    user_id: int
    username: str
    role: ShareRole
    created_at: datetime


class Erasure(Struct):
    """What was erased: how many of each kind, and the SHA-256 over the hashes of the log's events. `version` is that of
    the event `session-erased`."""

    session_id: UUID
    version: int
    counts: dict[str, int]
    sha256: str
    erased_at: datetime
