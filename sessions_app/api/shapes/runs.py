"""The shapes of runs, what the next one would see, models."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from sessions_app.llm.context.plan import Decision
from sessions_app.llm.status import Status
from sessions_app.values import ClientTool, Content, Metadata, OnInterrupt, RunBudget

Usd = Annotated[str, Meta(description="an amount of USD, as a decimal number")]


class Run(Struct):
    """A run. `first_token_seconds` is from the request to the first piece of the answer; `cost` is null where a
    price is unknown."""

    id: UUID
    session_id: UUID
    conversation_id: UUID
    state: Status
    requested_version: int
    waits: bool
    provider: str
    model: str
    tools: list[str]
    client_tools: list[ClientTool]
    input: Content | None
    on_interrupt: OnInterrupt
    retries: UUID | None
    continues: UUID | None
    config: dict[str, Any]
    timeout: float | None
    budget: RunBudget | None
    attempt: int
    decisions: dict[str, bool | None]
    cancel_requested: bool
    compacts: bool
    message_id: UUID | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: Usd | None
    finish_reason: str
    error: str
    error_code: str
    failures: list[dict[str, Any]]
    metadata: Metadata
    first_token_seconds: float | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ContextCount(Struct):
    """What the next request would take, in tokens, of what there is room for (null: unknown)."""

    tokens: int
    budget: int | None
    occupancy: float | None
    strategy: str
    method: str
    estimated: bool


class ContextPlan(ContextCount):
    """What the next request would contain, and why, message by message."""

    messages: list[Decision]
    turns: list[dict[str, Any]]
    wants_summary_of: list[UUID]


class Model(Struct):
    """A model of the catalogue; prices in USD per million tokens. null is unknown."""

    provider: str
    model: str
    max_context_window: int | None
    max_output: int | None
    images: bool | None
    tools: bool | None
    streaming: bool | None
    prices: dict[str, Usd | None] | None
    prices_source: str | None
