"""What can have happened to a run."""

from uuid import UUID

import msgspec

from bus.messages import Delta, Event
from sessions_app.values import (
    ClientTool,
    Content,
    Metadata,
    OnInterrupt,
    RunBudget,
    RunConfig,
)


class RunRequested(Event):
    """An answer is wanted. `waits`: another run of the conversation comes first; `input` then joins the conversation
    with `run-released`. `tokens`: an estimate of what it answers. `upto`: the version up to which the conversation is
    answered, where that is not this one; `asked`: user messages after this version are for others to answer.
    `timeout`: seconds it may take from the moment a worker begins; `delay`: seconds before one may. `client_tools`: a
    call of one of these ends the run, and whoever asked for it brings the result."""

    schema = 4

    run_id: UUID
    conversation_id: UUID
    provider: str
    model: str
    tools: list[str] = []
    client_tools: list[ClientTool] = []
    waits: bool = False
    first: bool = False
    input: Content | None = None
    tokens: int = 0
    on_interrupt: OnInterrupt = "keep"
    retries: UUID | None = None
    continues: UUID | None = None
    upto: int | None = None
    asked: int | None = None
    config: RunConfig = RunConfig()
    timeout: float | None = None
    delay: float = 0.0
    budget: RunBudget | None = None
    metadata: Metadata = {}

    @staticmethod
    def upcast_v1_v2(values: Metadata) -> Metadata:
        """Nothing of it was said."""
        return values

    @staticmethod
    def upcast_v2_v3(values: Metadata) -> Metadata:
        """It was as its session, without limits."""
        return values

    @staticmethod
    def upcast_v3_v4(values: Metadata) -> Metadata:
        """All tools were the server's."""
        return values


class CompactionRequested(Event):
    """The run makes a summary of its conversation's older messages instead of an answer."""

    run_id: UUID


class RunInputChanged(Event):
    """A waiting run is to answer this."""

    run_id: UUID
    input: Content
    tokens: int = 0


class RunReleased(Event):
    """A waiting run's turn has come; a worker will take it up."""

    run_id: UUID


class RunStarted(Event):
    """A worker began to answer, or began again. `attempt` counts the texts begun."""

    begins_tail = "run_id"

    run_id: UUID
    attempt: int


class RunContinued(Event):
    """The tools have answered and the model is asked again: another text begins."""

    begins_tail = "run_id"

    run_id: UUID
    attempt: int


class RunRequiresAction(Event):
    """These tool calls wait for somebody to decide."""

    run_id: UUID
    tool_call_ids: list[str]


class RunToolCallDecided(Event):
    """Somebody decided about a tool call."""

    run_id: UUID
    tool_call_id: str
    approved: bool


class RunResumed(Event):
    """Everything is decided; a worker will go on."""

    run_id: UUID


class RunRetrying(Event):
    """The provider failed in a way that passes; the run is tried again after `delay` seconds."""

    run_id: UUID
    delay: float
    code: str
    error: str


class RunCancelRequested(Event):
    """The run is to stop; the worker that has it is told."""

    run_id: UUID


class RunCompleted(Event):
    """The answer is complete and recorded as a message. Tokens are those of all its requests."""

    schema = 2
    ends_tail = "run_id"

    run_id: UUID
    message_id: UUID
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    first_token: float | None = None

    @staticmethod
    def upcast_v1_v2(values: Metadata) -> Metadata:
        """Nobody measured the first token."""
        return values


class RunIncomplete(Event):
    """The answer stops before its end (`reason`: length, content_filter, cancelled, steps); what was said is kept."""

    ends_tail = "run_id"

    run_id: UUID
    message_id: UUID | None
    reason: str


class RunFailed(Event):
    """No answer came, or not in time; what was said until then is kept as a message."""

    schema = 3
    ends_tail = "run_id"

    run_id: UUID
    error: str
    code: str = ""
    message_id: UUID | None = None

    @staticmethod
    def upcast_v1_v2(values: Metadata) -> Metadata:
        """It had no code."""
        return values

    @staticmethod
    def upcast_v2_v3(values: Metadata) -> Metadata:
        """Nothing was kept."""
        return values


class RunCancelled(Event):
    """It was stopped before it said anything."""

    ends_tail = "run_id"

    run_id: UUID


class RunInterrupted(Event):
    """The answer was cut off by an accident; what was said is kept as a message."""

    ends_tail = "run_id"

    run_id: UUID
    message_id: UUID | None


RUN_ENDS = (RunCompleted, RunIncomplete, RunFailed, RunCancelled, RunInterrupted)
"""The ways in which a run ends."""


class ContextPlanned(Event):
    """A request leaves messages out: how many, by what became of them, and by which strategy. Each message's fate is
    told by `context/plan`."""

    run_id: UUID
    strategy: str
    method: str
    tokens: int
    budget: int | None
    left_out: dict[str, int]


class RunDelta(Delta):
    """The next piece of an answer."""

    key: UUID = msgspec.field(name="run_id")
