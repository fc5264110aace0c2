"""The shape of reports."""

from datetime import date
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, field

from sessions_app.api.shapes.runs import Usd


class Use(Struct):
    """What one group came to, after the keys that were asked for. `session` null: all that are deleted. `cost` is of
    what has a price, null where nothing has one; seconds are null where nothing was timed."""

    sessions: int
    messages: int
    runs: int
    runs_completed: int
    runs_incomplete: int
    runs_failed: int
    runs_cancelled: int
    runs_interrupted: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: Usd | None
    unpriced: int
    run_seconds: float
    run_seconds_p50: float | None
    run_seconds_p95: float | None
    first_token_seconds_p50: float | None
    first_token_seconds_p95: float | None
    tokens_per_second: float | None
    day: date | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    session: UUID | UnsetType | None = UNSET


class Report(Struct):
    """A page of groups, in the order of their keys; of the days from `from` to `to`, both included."""

    data: list[Use]
    has_more: bool
    next_cursor: str | None
    first: date = field(name="from")
    last: date = field(name="to")
    group: list[str]
