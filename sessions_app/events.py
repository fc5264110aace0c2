"""What can have happened. Stored for ever: a change of shape raises `schema` and brings an `upcast_vN_vM`."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from bus.messages import Delta, Event
from sessions_app.values import ChatMessage, Content, Metadata, Role, SessionConfig, TokenMetrics, ToolCallPart


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
    """Tokens were counted. The first fields are what was added, `metrics` what they came to."""

    prompt_tokens: int
    completion_tokens: int
    cost: Decimal | None
    context_tokens: int
    metrics: TokenMetrics
    run_id: UUID | None = None


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


class RunRequested(Event):
    """An answer is wanted; a worker will take it up."""

    run_id: UUID
    conversation_id: UUID
    provider: str
    model: str


class RunStarted(Event):
    """A worker began to answer."""

    begins_tail = "run_id"

    run_id: UUID
    attempt: int


class RunCompleted(Event):
    """The answer is complete and recorded as a message."""

    ends_tail = "run_id"

    run_id: UUID
    message_id: UUID
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class RunFailed(Event):
    """No answer came."""

    ends_tail = "run_id"

    run_id: UUID
    error: str


class RunInterrupted(Event):
    """The worker died in mid-answer; what it had said is kept as a message."""

    ends_tail = "run_id"

    run_id: UUID
    message_id: UUID | None


class RunDelta(Delta):
    """The next piece of an answer."""

    key: UUID = msgspec.field(name="run_id")
