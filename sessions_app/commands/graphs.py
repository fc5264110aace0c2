"""What can be asked of graphs of prompts."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from bus.messages import SessionCommand
from sessions_app.orchestration.spec import MOST_NODES, Key, NodeSpec, Parallel, PromptSpec
from sessions_app.values import Metadata, Name, RunBudget, RunConfig, Title

Keys = Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=MOST_NODES)]


class StartGraph(SessionCommand):
    """Run prompts that depend on each other, at most `max_parallel` at a time. `variables` are for every prompt, which
    may have its own. `dry_run`: check, order and estimate only; nothing is recorded."""

    scope = "graphs:write"

    nodes: Annotated[list[NodeSpec], Meta(min_length=1)]
    name: Title = ""
    graph_id: UUID | None = None
    max_parallel: Parallel = 4
    variables: Metadata = {}
    dry_run: bool = False
    metadata: Metadata = {}


class ExecutePrompt(SessionCommand):
    """Run one prompt after the nodes it depends on (their ids); the node's id is the execution's. Those that depend on
    it name it by its `key`, which is its prompt's name unless it is given."""

    scope = "graphs:write"

    prompt: PromptSpec | str
    key: Key | None = None
    dependencies: Keys = []
    provider: Name | None = None
    model: Name | None = None
    config: RunConfig = RunConfig()
    tools: list[Name] | None = None
    budget: RunBudget | None = None
    metadata: Metadata = {}


class ExecuteParallel(SessionCommand):
    """Run prompts that do not depend on each other, at most `max_parallel` at a time; the nodes' ids, in order. `keys`
    name them for those that depend on them."""

    scope = "graphs:write"

    prompts: Annotated[list[PromptSpec | str], Meta(min_length=1, max_length=MOST_NODES)]
    keys: Annotated[list[Key], Meta(max_length=MOST_NODES)] = []
    max_parallel: Parallel = 4
    dependencies: Keys = []
    name: Title = ""
    metadata: Metadata = {}


class CancelGraph(SessionCommand):
    """Begin no further node and stop those that run."""

    scope = "graphs:write"

    graph_id: UUID


class RetryGraph(SessionCommand):
    """Run again what failed, was cancelled or was left out for that reason; or only the `nodes` named and what follows
    from them. What has succeeded is not repeated."""

    scope = "graphs:write"

    graph_id: UUID
    nodes: Keys | None = None


class AdvanceGraph(SessionCommand):
    """Begin what can begin and settle what has ended: asked by the server itself, where one step was not enough."""

    public = False

    graph_id: UUID
    whole: bool = False
