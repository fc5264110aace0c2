"""What a graph is made of, as it is asked for and as it is recorded. Plain values."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from sessions_app.values import Metadata, Name, OnInterrupt, RunBudget, RunConfig, Value

MOST_NODES = 1_000
MOST_EDGES = 10_000
MOST_PARALLEL = 100
MOST_TEXT = 2_000_000
"""Characters of all prompts of a graph: it is one event, and read by all who watch."""

Key = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}\Z")]
"""A node's name in its graph: what templates can name."""
OnFailure = Literal["fail", "skip", "run"]
Quorum = Annotated[int, Meta(ge=1, le=MOST_NODES)]
Join = Literal["all", "any"] | Quorum
"""How many dependencies must succeed before a node may run: all, any, or so many."""
NodeState = Literal["blocked", "ready", "running", "succeeded", "failed", "skipped", "cancelled"]
GraphState = Literal["running", "succeeded", "failed", "cancelled"]
GraphKind = Literal["graph", "parallel", "prompt"]
Parallel = Annotated[int, Meta(ge=1, le=MOST_PARALLEL)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class PromptSpec(Value):
    """A named template (newest version, or a given one), or its texts; `variables` are what it can use."""

    name: Name | None = None
    version: int | None = None
    system: str | None = None
    user: str | None = None
    variables: Metadata = {}


class Retry(Value):
    """How often a node is tried, and when again: after `backoff` seconds, twice that, and so on. `on`: only after runs
    that ended with one of these codes."""

    max_attempts: Annotated[int, Meta(ge=1, le=10)] = 1
    backoff: Annotated[float, Meta(ge=0, le=3_600)] = 1.0
    on: list[Name] | None = None


class NodeSpec(Value):
    """A prompt and when it may run. `dependencies` are keys of this graph, or ids of nodes of earlier graphs of the
    session. `condition`: an expression over what the dependencies said; where it does not hold the node is skipped."""

    key: Key
    prompt: PromptSpec | str
    dependencies: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=MOST_NODES)] = []
    join: Join = "all"
    condition: Annotated[str, Meta(max_length=2_000)] | None = None
    on_dependency_failure: OnFailure = "fail"
    provider: Name | None = None
    model: Name | None = None
    config: RunConfig = RunConfig()
    tools: list[Name] | None = None
    retry: Retry = Retry()
    timeout: Seconds | None = None
    budget: RunBudget | None = None
    on_interrupt: OnInterrupt = "retry"
    metadata: Metadata = {}


class GraphNode(Value):
    """A node as it is recorded: with its id, its dependencies' ids and the names its texts have for them, and the very
    texts of its prompt. `rank`: nodes on the longest way from it to an end of the graph."""

    node_id: UUID
    key: str
    rank: int
    user: str
    system: str = ""
    prompt: str = ""
    prompt_version: int | None = None
    variables: Metadata = {}
    dependencies: list[UUID] = []
    names: list[str] = []
    join: Join = "all"
    condition: str | None = None
    on_dependency_failure: OnFailure = "fail"
    provider: str
    model: str
    config: RunConfig = RunConfig()
    tools: list[str] = []
    retry: Retry = Retry()
    timeout: float | None = None
    budget: RunBudget | None = None
    on_interrupt: OnInterrupt = "retry"
    metadata: Metadata = {}


class NodeChange(Value):
    """What became of a node. Fields that say nothing new are left out."""

    node_id: UUID
    state: NodeState
    run_id: UUID | None = None
    conversation_id: UUID | None = None
    attempt: int | None = None
    message_id: UUID | None = None
    code: str = ""
    reason: str = ""


class Totals(Value):
    """A graph's progress: nodes done of all, what they used. `cost` in USD, None where a price is unknown; `eta` is in
    seconds, None before the first node is done."""

    done: int
    total: int
    running: int = 0
    failed: int = 0
    tokens: int = 0
    cost: Decimal | None = Decimal(0)
    eta: float | None = None


class NodePlan(Value):
    """A node as a dry run sees it: its place in the order (nodes of one step could run at once), and an estimate."""

    key: str
    step: int
    rank: int
    dependencies: list[str]
    tokens: int
    cost: Decimal | None


class GraphPlan(Value):
    """What a graph would do. `tokens` and `cost` are estimates: every node runs once and answers as long as it may;
    `cost` is in USD, None where a price is unknown."""

    nodes: list[NodePlan]
    steps: int
    tokens: int
    cost: Decimal | None
