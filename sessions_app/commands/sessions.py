"""What can be asked of a session, its messages and metrics."""

from datetime import datetime
from uuid import UUID

from bus.messages import Command, SessionCommand
from sessions_app.accounts.scopes import with_answer
from sessions_app.values import (
    CallId,
    ConfigPatch,
    Content,
    Count,
    Metadata,
    MetricsPatch,
    Name,
    Role,
    SessionConfig,
    Title,
    ToolCallPart,
)

ECHO = SessionConfig(provider="echo", model="echo")


class CreateSession(Command):
    """Begin a session; without an id one is made."""

    creates = True
    scope = "sessions:write"

    config: SessionConfig = ECHO
    title: Title = ""
    metadata: Metadata = {}


class EnsureSession(SessionCommand):
    """Begin a session with this id unless it is there already."""

    creates = True
    scope = "sessions:write"

    config: SessionConfig = ECHO
    title: Title = ""
    metadata: Metadata = {}


class GetSession(SessionCommand):
    """The session without its messages, or nothing."""

    commutes = True
    tolerates_absence = True
    access = "read"
    scope = "sessions:read"


class ListSessions(Command):
    """One's sessions, newest change first, at most 100."""

    scope = "sessions:read"

    limit: int = 100


class UpdateSession(SessionCommand):
    """Change title, activity, metadata, configuration; metadata and configuration merge deeply."""

    scope = "sessions:write"

    title: Title | None = None
    is_active: bool | None = None
    metadata: Metadata | None = None
    config: ConfigPatch | None = None
    metrics: MetricsPatch | None = None


class DeleteSession(SessionCommand):
    """Remove the session from view; its log stays. False when there was none."""

    tolerates_absence = True
    access = "own"
    scope = "sessions:write"


class AddMessage(SessionCommand):
    """Add a message to a conversation (by default `main`); `answer` queues a run that replies to it."""

    at_once = True
    scope = "sessions:write"

    @property
    def commutes(self) -> bool:  # type: ignore[override]
        """Whether a run waits or begins depends on what else is at work."""
        return not self.answer

    content: str | Content
    role: Role = Role.USER
    message_id: UUID | None = None
    conversation_id: UUID | None = None
    tool_call_id: CallId | None = None
    tool_calls: list[ToolCallPart] = []
    metadata: Metadata = {}
    answer: bool = False

    def needs(self) -> tuple[str, ...]:
        """An answer is a run."""
        return with_answer(self.scope, self.answer)


class UpdateMessage(SessionCommand):
    """Change a message's content, or merge into its metadata."""

    scope = "sessions:write"

    message_id: UUID
    content: str | Content | None = None
    metadata: Metadata | None = None


class UpdateTokenMetrics(SessionCommand):
    """Add tokens to the session's metrics. `context_tokens`: what the request occupied; without it, occupancy grows."""

    scope = "sessions:write"

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    context_tokens: Count | None = None


class RepriceSession(SessionCommand):
    """Price what the session used before by what the catalogue knows today: what has no cost yet, or `all` of it.

    At most some hundred entries at a time: the answer's `next`, given as `after`, goes on behind them."""

    staff_only = True

    all: bool = False
    since: datetime | None = None
    provider: Name | None = None
    model: Name | None = None
    after: UUID | None = None
    dry_run: bool = False


class RecordInteraction(SessionCommand):
    """A question and its answer, made elsewhere, as two messages (document 001)."""

    scope = "sessions:write"

    query: str
    response: str


class ChangePluginState(SessionCommand):
    """Keep a plugin's state with the session (merged deeply), or its note on one event."""

    public = False

    plugin: Name
    state: Metadata = {}
    about_version: int | None = None
