"""What can be asked of runs, by people, and by the workers that do them."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from bus.messages import SessionCommand
from sessions_app.llm.base import Usage
from sessions_app.values import (
    CallId,
    ClientTool,
    Content,
    Metadata,
    Name,
    OnBusy,
    OnInterrupt,
    RunBudget,
    RunConfig,
    RunOutcome,
    Timeout,
    ToolCallPart,
    ToolResultPart,
)

ClientTools = Annotated[list[ClientTool], Meta(max_length=128)]


class RequestRun(SessionCommand):
    """Ask for an answer. With `input` it is to a new user message, which joins the conversation when the run's turn
    comes; without, to the conversation as it is. While another run is at work, `on_busy` decides: refuse, wait, or
    stop that one first. `on_interrupt`: what becomes of a run that is cut off in mid-answer. `config` is instead of
    the session's, `timeout` the seconds it may take once a worker has begun, `budget` the most it may use. A call of
    one of the `client_tools` ends the run; add its result as a message of role `tool`, and ask again."""

    scope = "runs:write"

    input: str | Content | None = None
    run_id: UUID | None = None
    conversation_id: UUID | None = None
    provider: Name | None = None
    model: Name | None = None
    tools: list[Name] | None = None
    client_tools: ClientTools = []
    on_busy: OnBusy = "enqueue"
    on_interrupt: OnInterrupt = "keep"
    config: RunConfig = RunConfig()
    timeout: Timeout | None = None
    budget: RunBudget | None = None
    metadata: Metadata = {}


class ChangeQueuedRun(SessionCommand):
    """Change what a waiting run is to answer."""

    scope = "runs:write"

    run_id: UUID
    input: str | Content


class CancelRun(SessionCommand):
    """Stop a run. One that has not begun is cancelled at once; one at work is told to stop and keeps its text."""

    scope = "runs:write"

    run_id: UUID


class RetryRun(SessionCommand):
    """Answer again what a run that has ended answered; what it left behind is not shown to the model any more."""

    scope = "runs:write"

    run_id: UUID
    provider: Name | None = None
    model: Name | None = None


class ContinueRun(SessionCommand):
    """Go on where a run was cut off."""

    scope = "runs:write"

    run_id: UUID


class DecideToolCall(SessionCommand):
    """Allow or forbid a tool call that waits for a person; with the last decision the run goes on. Tools have the
    rights of the session's owner, who decides alone."""

    access = "own"

    scope = "runs:write"

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
    request; `covers`: what was said is a summary of these messages."""

    public = False

    run_id: UUID
    outcome: RunOutcome
    text: str = ""
    reason: str = ""
    code: str = ""
    error: str = ""
    usage: Usage | None = None
    first_token: float | None = None
    covers: list[UUID] = []
