"""The shapes of what is in a session: sessions, conversations, messages, events."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from msgspec import Struct

from sessions_app.values import Content, Metadata, Role, SessionConfig, TokenMetrics, ToolCallPart

T = TypeVar("T")


class Page(Struct, Generic[T]):
    """A page of a list; `next_cursor` goes on behind it, null on the last one."""

    data: list[T]
    has_more: bool
    next_cursor: str | None


class SessionInfo(Struct):
    """A session in a list. `role` is the reader's; `owner` is whose it is, where that is somebody else. `running`: an
    answer is to come, or waits for a decision. `pinned`, `folder` and `tags` are those of its metadata."""

    id: UUID
    title: str
    provider: str
    model: str
    created_at: datetime
    updated_at: datetime
    message_count: int
    is_active: bool
    version: int | None
    role: Literal["owner", "editor", "viewer"] | None
    owner: str | None
    running: bool
    pinned: bool
    folder: str | None
    tags: list[str]


class Session(SessionInfo):
    """A session without its messages."""

    config: SessionConfig
    metrics: TokenMetrics
    metadata: Metadata
    retention_days: int | None


class Conversation(Struct):
    """A conversation without its messages. `forked_at` is the position up to which it shares those of `parent_id`."""

    id: UUID
    session_id: UUID
    name: str
    parent_id: UUID | None
    forked_at: int | None
    is_main: bool
    is_archived: bool
    metadata: Metadata
    created_at: datetime


class BegunConversation(Conversation, kw_only=True):
    """A new conversation, with the ids of its first message and run, where it begins with one."""

    message_id: UUID | None = None
    run_id: UUID | None = None


class Message(Struct):
    """A message. `position` orders a conversation."""

    id: UUID
    session_id: UUID
    conversation_id: UUID
    position: int
    role: Role
    content: Content
    tool_call_id: str | None
    tool_calls: list[ToolCallPart]
    metadata: Metadata
    run_id: UUID | None
    created_at: datetime
    updated_at: datetime


class AddedMessage(Message, kw_only=True):
    """A new message, the session's version after it, and the run that is to answer it."""

    version: int | None
    answer_run_id: UUID | None = None


class Event(Struct):
    """An event of the log; `data` depends on its `type`: the AsyncAPI document has the shapes."""

    id: UUID
    type: str
    schema: int
    session_id: UUID
    version: int
    position: int
    recorded_at: datetime
    actor: dict[str, str]
    causation_id: UUID | None
    correlation_id: str
    data: dict[str, Any]


class EventPage(Struct):
    """A page of a session's log; the next one is `after` `next_after`. `head` is the session's version."""

    data: list[Event]
    has_more: bool
    next_after: int
    head: int


class Piece(Struct):
    """A piece of a text, and whether it is what was searched for."""

    text: str
    match: bool


class Hit(Struct):
    """What was found. `snippet` is the text around it, in pieces; the ids of a message are null where it is a title."""

    session_id: UUID
    session_title: str
    conversation_id: UUID | None
    message_id: UUID | None
    role: Role | None
    created_at: datetime
    score: float
    snippet: list[Piece]
