"""The shapes of graphs, their nodes and prompts, and histories."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from sessions_app.api.shapes.runs import Run, Usd
from sessions_app.api.shapes.sessions import Message
from sessions_app.orchestration.spec import GraphKind, GraphState, Join, NodeState, OnFailure
from sessions_app.values import Metadata


class Progress(Struct):
    """How far a graph has come; `eta_seconds` is an estimate."""

    done: int
    total: int
    running: int
    failed: int
    tokens: int
    cost: Usd | None
    eta_seconds: float | None


class GraphInfo(Struct):
    """A graph without its nodes."""

    id: UUID
    session_id: UUID
    name: str
    kind: GraphKind
    state: GraphState
    max_parallel: int
    cancel_requested: bool
    progress: Progress
    metadata: Metadata
    started_at: datetime
    finished_at: datetime | None


class Node(Struct):
    """A node of a graph. `dependencies` are ids; `code` and `reason` say why it did not succeed."""

    id: UUID
    graph_id: UUID
    key: str
    state: NodeState
    dependencies: list[UUID]
    join: Join
    condition: str | None
    on_dependency_failure: OnFailure
    prompt: str | None
    prompt_version: int | None
    provider: str
    model: str
    attempt: int
    run_id: UUID | None
    conversation_id: UUID | None
    message_id: UUID | None
    code: str
    reason: str
    metadata: Metadata
    started_at: datetime | None
    finished_at: datetime | None


class NodeTold(Node):
    """A node with what it asked and what was answered."""

    input: str | None
    output: str | None


class Graph(GraphInfo):
    """A graph with its nodes, in the order they were given."""

    nodes: list[Node]


class HistoryEntry(Struct, kw_only=True):
    """A step of a history: a message, a run or a node, as `kind` says; `dependencies` are the ids before it."""

    id: UUID
    kind: Literal["message", "run", "node"]
    dependencies: list[UUID]
    message: Message | None = None
    run: Run | None = None
    node: NodeTold | None = None


class HistoryTree(Struct, kw_only=True):
    """The same as a tree, each step told once; `more` are ids not followed, or told before."""

    id: UUID
    kind: Literal["message", "run", "node"]
    dependencies: list["HistoryTree"]
    more: list[UUID]
    message: Message | None = None
    run: Run | None = None
    node: NodeTold | None = None


class PromptInfo(Struct):
    """A named prompt, without its text. Version 0 came with the server."""

    name: str
    version: int
    description: str
    created_at: datetime | None


class Prompt(PromptInfo):
    """A named prompt; `problem` says what is wrong with it, and then its variables are unknown."""

    system: str
    user: str
    versions: list[int]
    variables: list[str] | None
    problem: str | None
