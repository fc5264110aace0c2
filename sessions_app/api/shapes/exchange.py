"""Answers about sessions as files."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct


class Export(Struct):
    """An archive of all of a user's sessions: `done` of `total` sessions are in it; `bytes` once it is ready."""

    id: UUID
    state: Literal["queued", "running", "ready", "failed"]
    done: int
    total: int
    bytes: int | None
    error: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class Imported(Struct, omit_defaults=True):
    """What became of one session of a file: where it was refused, `code` and `detail` say why."""

    name: str
    status: Literal["created", "unchanged", "refused"]
    id: UUID | None = None
    title: str = ""
    events: int = 0
    messages: int = 0
    missing_artifacts: int = 0
    code: str = ""
    detail: str = ""


class ImportReport(Struct):
    """What became of a file. Not `complete`: time was up, and the same file again goes on with the rest."""

    dry_run: bool
    complete: bool
    created: int
    unchanged: int
    refused: int
    sessions: list[Imported]
