"""The shapes of sessions as files."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct


class Export(Struct):
    """An archive of all of a user's sessions: `done` of `total` are in it; `bytes` once it is ready."""

    id: UUID
    state: str
    done: int
    total: int | None
    bytes: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class ImportReport(Struct):
    """What became of each session of a file. Not `complete`: time was up; the same file again goes on with the rest."""

    dry_run: bool
    complete: bool
    created: int
    unchanged: int
    refused: int
    sessions: list[dict[str, Any]]
