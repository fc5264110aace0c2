"""The shapes of commands and refusals."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct


class CommandBody(Struct, forbid_unknown_fields=True):
    """A public command by its name, with its fields: the AsyncAPI document has the shapes."""

    name: str
    payload: dict[str, Any] = {}
    expected_version: Annotated[int, Meta(ge=0)] | None = None


class CommandAnswer(Struct):
    """What a command gave; `version` is the session's after it, null where nothing was recorded."""

    command_id: UUID
    version: int | None
    data: Any


class QueuedCommand(Struct):
    """A command left to a worker."""

    command_id: UUID
    state: Literal["queued"]


class CommandState(Struct):
    """What became of a queued command."""

    command_id: UUID
    name: str
    state: Literal["queued", "running", "waiting", "done", "failed", "parked", "cancelled"]
    attempts: int
    result: Any
    error: Any
    created_at: datetime
    finished_at: datetime | None


class FieldError(Struct):
    """What is wrong with one field; `pointer` says which (RFC 6901)."""

    pointer: str
    detail: str


class Problem(Struct, kw_only=True):
    """Why something was refused (RFC 9457). `code` is stable; further members depend on it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None
    current_version: int | None = None
