"""What can have happened to a session, its messages and metrics."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from bus.messages import Event
from sessions_app.llm.base import Usage
from sessions_app.values import (
    ChatMessage,
    Content,
    Metadata,
    NewCost,
    Role,
    SessionConfig,
    TokenMetrics,
    ToolCallPart,
)


class SessionCreated(Event):
    """A session began, with its metrics at zero and, where configured, its system message."""

    owner_id: int | None
    title: str
    config: SessionConfig
    metadata: Metadata = {}
    max_context_window: int | None = None
    system_message: ChatMessage | None = None


class SessionUpdated(Event):
    """These fields were changed to these values."""

    updates: Metadata


class SessionConfigUpdated(Event):
    """The configuration changed: `changes` as asked, `config` as it is now."""

    changes: dict[str, Any]
    config: SessionConfig
    max_context_window: int | None = None


class SessionDeleted(Event):
    """The session was removed from view."""


class MessageAdded(Event):
    """A message was added to a conversation; its place in it is this event's version."""

    message_id: UUID
    conversation_id: UUID
    role: Role
    content: Content
    tool_call_id: str | None = None
    tool_calls: list[ToolCallPart] = []
    metadata: Metadata = {}
    run_id: UUID | None = None


class MessageUpdated(Event):
    """A message's content was replaced, or its metadata became this."""

    message_id: UUID
    content: Content | None = None
    metadata: Metadata | None = None


class TokenMetricsUpdated(Event):
    """Tokens were counted. The first fields are what was added, `metrics` what they came to.

    `usage` is what they were made of, of which model of which provider: enough to price them again. A correction of
    the totals by hand has none."""

    schema = 2

    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    context_tokens: int
    metrics: TokenMetrics
    run_id: UUID | None = None
    provider: str | None = None
    model: str | None = None
    usage: Usage | None = None

    @staticmethod
    def upcast_v1_v2(values: Metadata) -> Metadata:
        """Nobody said what the tokens were made of."""
        return values


class SessionRepriced(Event):
    """What was used before has another price than was known then. `estimated_cost` is what the total came to."""

    entries: list[NewCost]
    difference: Decimal
    estimated_cost: Decimal | None


class ContextWindowCritical(Event):
    """The last request came to fill more than `threshold` of the model's window."""

    utilization: float
    max_context_window: int
    threshold: float


class PluginStateChanged(Event):
    """A plugin's state, kept in the session's metadata under `plugins`, or its note on the event `about_version`."""

    plugin: str
    state: Metadata
    about_version: int | None = None
