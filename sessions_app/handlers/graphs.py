"""Decides what may be asked of graphs. What follows when their runs end is in `orchestration.steps`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bus.exceptions import AlreadyExists, Invalid, NotFound, Refused
from bus.messages import Context, Event, uuid7
from bus.registry import handles
from sessions_app import commands, events
from sessions_app.models import Graph, GraphEdge, GraphNode, Session
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.building import Builder
from sessions_app.orchestration.estimating import plan_of
from sessions_app.orchestration.spec import GraphKind, NodeSpec, PromptSpec, Totals
from sessions_app.orchestration.steps import Step
from sessions_app.values import Metadata


class GraphFinished(Refused):
    """The graph has already ended."""

    code = "graph-ended"
    status = 409


class GraphNotReady(Refused):
    """That cannot be done with the graph in its present state."""

    code = "graph-not-ready"
    status = 409


def _graph(command: Any) -> Graph:
    graph = Graph.objects.filter(id=command.graph_id, session_id=command.session_id).first()
    if graph is None:
        raise NotFound(f"Graph not found with ID: {command.graph_id}")
    return graph


def _builder(command: Any, specs: Sequence[NodeSpec], variables: Metadata) -> Builder:
    return Builder(Session.objects.get(id=command.session_id), specs, variables)


@handles(commands.StartGraph)
def start_graph(command: commands.StartGraph, context: Context) -> Any:
    """Checked as a whole first; then it begins in this transaction."""
    builder = _builder(command, command.nodes, command.variables)
    nodes = builder.nodes()
    if command.dry_run:
        return plan_of(nodes, builder.inner())
    graph_id = command.graph_id or uuid7()
    if command.graph_id and Graph.objects.filter(id=graph_id).exists():
        raise AlreadyExists(f"Graph already exists with ID: {graph_id}")
    yield events.GraphStarted(
        graph_id=graph_id,
        name=command.name,
        kind="graph",
        max_parallel=command.max_parallel,
        nodes=nodes,
        variables=command.variables,
        metadata=command.metadata,
    )
    return {"id": graph_id, "nodes": {node.key: node.node_id for node in nodes}}


@handles(commands.ExecutePrompt)
def execute_prompt(command: commands.ExecutePrompt, context: Context) -> Any:
    """A graph of one node."""
    spec = NodeSpec(
        key=command.key or _key(command.prompt, 0),
        prompt=command.prompt,
        dependencies=command.dependencies,
        provider=command.provider,
        model=command.model,
        config=command.config,
        tools=command.tools,
        budget=command.budget,
        metadata=command.metadata,
    )
    started = yield from _simple(command, "prompt", [spec], 1, "")
    return {"id": started.nodes[0].node_id, "graph_id": started.graph_id}


@handles(commands.ExecuteParallel)
def execute_parallel(command: commands.ExecuteParallel, context: Context) -> Any:
    """A graph whose nodes do not depend on each other."""
    keys = command.keys or [_key(prompt, index + 1) for index, prompt in enumerate(command.prompts)]
    if len(keys) != len(command.prompts):
        raise Invalid("'keys' has one for each prompt, or none.")
    specs = [
        NodeSpec(key=key, prompt=prompt, dependencies=command.dependencies)
        for key, prompt in zip(keys, command.prompts, strict=True)
    ]
    started = yield from _simple(command, "parallel", specs, command.max_parallel, command.name)
    return {"id": started.graph_id, "ids": [node.node_id for node in started.nodes]}


def _simple(command: Any, kind: GraphKind, specs: list[NodeSpec], parallel: int, name: str) -> Any:
    started = events.GraphStarted(
        graph_id=uuid7(),
        name=name,
        kind=kind,
        max_parallel=parallel,
        nodes=_builder(command, specs, {}).nodes(),
        metadata=command.metadata,
    )
    yield started
    return started


def _key(prompt: PromptSpec | str, number: int) -> str:
    """A key from the prompt's name; numbered where there are several."""
    name = prompt.name if isinstance(prompt, PromptSpec) and prompt.name else "prompt"
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return f"{'' if plain[0].isalpha() else '_'}{plain[:50]}{f'_{number}' if number else ''}"


@handles(commands.CancelGraph)
def cancel_graph(command: commands.CancelGraph, context: Context) -> Iterator[Event]:
    """Once."""
    graph = _graph(command)
    if graph.state != Graph.State.RUNNING:
        raise GraphFinished
    if not graph.cancel_requested:
        yield from Step(command.session_id, datetime.now(UTC)).cancelled(graph.id)


@handles(commands.AdvanceGraph)
def advance_graph(command: commands.AdvanceGraph, context: Context) -> Iterator[Event]:
    """Nothing where there is nothing to do, or the graph is gone."""
    graph = Graph.objects.filter(id=command.graph_id, session_id=command.session_id).first()
    if graph is not None and graph.state == Graph.State.RUNNING:
        yield from Step(command.session_id, datetime.now(UTC)).caught_up(graph.id, whole=command.whole)


@handles(commands.RetryGraph)
def retry_graph(command: commands.RetryGraph, context: Context) -> Iterator[Event]:
    """What failed and all that follows from it, except what has succeeded."""
    graph = _graph(command)
    if graph.state == Graph.State.RUNNING:
        raise GraphNotReady("The graph has not ended yet.")
    nodes = {node.id: node for node in graph.nodes.only("id", "key", "state", "code")}
    chosen = _chosen(nodes.values(), command.nodes)
    following: dict[UUID, list[UUID]] = {}
    for before, after in GraphEdge.objects.filter(dependent__graph=graph).values_list("dependency", "dependent"):
        following.setdefault(before, []).append(after)
    again = _with_following(chosen, following, nodes)
    kept = [node for node in nodes.values() if node.id not in again]
    totals = Totals(
        done=len(kept),
        total=graph.total,
        failed=sum(node.state == "failed" for node in kept),
        tokens=graph.tokens,
        cost=graph.cost,
    )
    yield events.GraphRetried(graph_id=graph.id, node_ids=sorted(again), totals=totals)


def _chosen(nodes: Any, keys: list[str] | None) -> list[UUID]:
    """The nodes to begin with: all that did not end well, or those that are named. Raises Invalid, GraphNotReady."""
    if keys is None:
        chosen = [node.id for node in nodes if node.state in rules.BAD]
    else:
        by_key = {node.key: node for node in nodes}
        if unknown := [key for key in keys if key not in by_key]:
            raise Invalid(f"The graph has no node {unknown[0]!r}.")
        if good := [key for key in keys if by_key[key].state == "succeeded"]:
            raise GraphNotReady(f"The node {good[0]!r} has succeeded.")
        chosen = [by_key[key].id for key in keys]
    if not chosen:
        raise GraphNotReady("No node of the graph failed.")
    return chosen


def _with_following(chosen: list[UUID], following: dict[UUID, list[UUID]], nodes: dict[UUID, GraphNode]) -> set[UUID]:
    again, todo = set(chosen), list(chosen)
    while todo:
        for after in following.get(todo.pop(), ()):
            if after in nodes and after not in again and nodes[after].state != "succeeded":
                again.add(after)
                todo.append(after)
    return again
