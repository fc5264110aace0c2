"""What can be asked. Each has one handler under `handlers/`; REST, sockets and workers follow from these classes."""

from datetime import datetime
from uuid import UUID

from bus.messages import Command, SessionCommand
from sessions_app.llm.base import Usage
from sessions_app.values import (
    CallId,
    ConfigPatch,
    Content,
    Count,
    Metadata,
    MetricsPatch,
    Name,
    OnBusy,
    OnInterrupt,
    Role,
    RunOutcome,
    SessionConfig,
    Title,
    ToolCallPart,
    ToolResultPart,
)

ECHO = SessionConfig(provider="echo", model="echo")


class CreateSession(Command):
    """Begin a session; without an id one is made."""

    creates = True

    config: SessionConfig = ECHO
    title: Title = ""
    metadata: Metadata = {}


class EnsureSession(SessionCommand):
    """Begin a session with this id unless it is there already."""

    creates = True

    config: SessionConfig = ECHO
    title: Title = ""
    metadata: Metadata = {}


class GetSession(SessionCommand):
    """The session without its messages, or nothing."""

    commutes = True
    tolerates_absence = True


class ListSessions(Command):
    """One's sessions, newest change first, at most 100."""

    limit: int = 100


class UpdateSession(SessionCommand):
    """Change title, activity, metadata, configuration; metadata and configuration merge deeply."""

    title: Title | None = None
    is_active: bool | None = None
    metadata: Metadata | None = None
    config: ConfigPatch | None = None
    metrics: MetricsPatch | None = None


class DeleteSession(SessionCommand):
    """Remove the session from view; its log stays. False when there was none."""

    tolerates_absence = True


class AddMessage(SessionCommand):
    """Add a message to a conversation (by default `main`); `answer` queues a run that replies to it."""

    at_once = True

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


class UpdateMessage(SessionCommand):
    """Change a message's content, or merge into its metadata."""

    message_id: UUID
    content: str | Content | None = None
    metadata: Metadata | None = None


class UpdateTokenMetrics(SessionCommand):
    """Add tokens to the session's metrics. `context_tokens`: what the request occupied; without it, occupancy grows."""

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

    query: str
    response: str


class ChangePluginState(SessionCommand):
    """Keep a plugin's state with the session (merged deeply), or its note on one event."""

    public = False

    plugin: Name
    state: Metadata = {}
    about_version: int | None = None


class RequestRun(SessionCommand):
    """Ask for an answer. With `input` it is to a new user message, which joins the conversation when the run's turn
    comes; without, to the conversation as it is. While another run is at work, `on_busy` decides: refuse, wait, or
    stop that one first. `on_interrupt`: what becomes of a run that is cut off in mid-answer."""

    input: str | Content | None = None
    run_id: UUID | None = None
    conversation_id: UUID | None = None
    provider: Name | None = None
    model: Name | None = None
    tools: list[Name] | None = None
    on_busy: OnBusy = "enqueue"
    on_interrupt: OnInterrupt = "keep"
    metadata: Metadata = {}


class ChangeQueuedRun(SessionCommand):
    """Change what a waiting run is to answer."""

    run_id: UUID
    input: str | Content


class CancelRun(SessionCommand):
    """Stop a run. One that has not begun is cancelled at once; one at work is told to stop and keeps its text."""

    run_id: UUID


class RetryRun(SessionCommand):
    """Answer again what a run that has ended answered; what it left behind is not shown to the model any more."""

    run_id: UUID
    provider: Name | None = None
    model: Name | None = None


class ContinueRun(SessionCommand):
    """Go on where a run was cut off."""

    run_id: UUID


class DecideToolCall(SessionCommand):
    """Allow or forbid a tool call that waits for a person; with the last decision the run goes on."""

    run_id: UUID
    tool_call_id: CallId
    approve: bool


class StartRun(SessionCommand):
    """A worker begins to answer."""

    public = False

    run_id: UUID


class RecordToolCalls(SessionCommand):
    """The model asks for tools: what it said and wants, and what saying so used."""

    public = False

    run_id: UUID
    text: str
    tool_calls: list[ToolCallPart]
    usage: Usage | None = None
    needs_approval: list[CallId] = []


class RecordToolResults(SessionCommand):
    """What the tools answered; the model is asked again."""

    public = False

    run_id: UUID
    results: list[ToolResultPart]


class RecordSummary(SessionCommand):
    """A summary that stands for earlier messages from now on, and what making it used. Without a text: one that was
    no good."""

    public = False

    run_id: UUID
    text: str
    covers: list[UUID]
    usage: Usage | None = None


class RecordPlan(SessionCommand):
    """What the next request leaves out, where not everything fits."""

    public = False

    run_id: UUID
    strategy: str
    method: str
    tokens: int
    budget: int | None
    left_out: dict[str, int]


class PostponeRun(SessionCommand):
    """The provider failed in a way that passes: try again after `delay` seconds."""

    public = False

    run_id: UUID
    delay: float
    code: str
    error: str
    usage: Usage | None = None


class EndRun(SessionCommand):
    """The run is over: record what was said, what it used, and how it ended. `first_token` is in seconds after the
    request."""

    public = False

    run_id: UUID
    outcome: RunOutcome
    text: str = ""
    reason: str = ""
    code: str = ""
    error: str = ""
    usage: Usage | None = None
    first_token: float | None = None
