"""What a message, a run's answer or a graph's node came from: the walk along dependencies, backwards. Called by
`api.history` and the facade.

The walk knows nodes and the ids they depend on. What kinds of nodes there are is the business of `Look` functions,
which read no more than that; rows are read of what is shown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Left

from bus.exceptions import NotFound
from sessions_app.models import GraphEdge, GraphNode, Message, Run
from sessions_app.orchestration.represent import node_with_texts
from sessions_app.queries import messages_in
from sessions_app.represent import message_as_dict, run_as_dict

MOST_STEPS = 500


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Something said or to be said: of the `kind` message, run or node. `dependencies` are the ids of the nodes before
    it."""

    id: UUID
    kind: str
    dependencies: tuple[UUID, ...] = ()


Look = Callable[[UUID, int], Iterable[Node]]
"""The node of that id, and those before it that are at hand, up to a number; nothing where it knows no such id."""


def walk(start: UUID, max_depth: int, looks: Sequence[Look]) -> dict[UUID, Node]:
    """The node and what it depends on, at most `max_depth` steps away, each once, dependencies first (the node itself
    is last). Raises NotFound."""
    known: dict[UUID, Node] = {}
    reached: dict[UUID, Node] = {}
    frontier = [start]
    for depth in range(max_depth + 1):
        for ident in frontier:
            if ident not in known:
                for node in _found(ident, max_depth - depth, looks):
                    known.setdefault(node.id, node)
        reached |= {ident: known[ident] for ident in frontier if ident in known}
        wanted = (ident for node in frontier if node in reached for ident in reached[node].dependencies)
        frontier = [ident for ident in dict.fromkeys(wanted) if ident not in reached]
    if start not in reached:
        raise NotFound(f"Nothing to tell the history of was found with ID: {start}")
    order = TopologicalSorter({ident: _within(node, reached) for ident, node in reached.items()}).static_order()
    return {ident: reached[ident] for ident in order}


def of(session_id: UUID, node: UUID, max_depth: int) -> dict[UUID, Node]:
    """What a message, a run's answer or a graph's node came from in a session already checked, itself last.
    Raises NotFound."""
    return walk(answer_or(session_id, node), max_depth, in_session(session_id))


def _found(ident: UUID, steps: int, looks: Sequence[Look]) -> list[Node]:
    for look in looks:
        if found := list(look(ident, steps)):
            return found
    return []


def _within(node: Node, reached: Mapping[UUID, Node]) -> list[UUID]:
    return [ident for ident in node.dependencies if ident in reached]


def in_session(session_id: UUID) -> list[Look]:
    """What can be told of in a session already checked."""

    def look_at_run(ident: UUID, steps: int) -> list[Node]:
        row = Run.objects.filter(id=ident, session_id=session_id).values_list("conversation_id", "requested_version")
        for conversation, upto in row:
            return _chained(_line(conversation, Q(run=ident) | Q(position__lte=upto), steps), ident, "run")
        return []

    def look_at_message(ident: UUID, steps: int) -> list[Node]:
        row = Message.objects.filter(id=ident, session_id=session_id).values_list("conversation_id", "position", "run")
        for conversation, position, run in row:
            seen = Q(position__lt=position)
            asked = Run.objects.filter(id=run, session_id=session_id).values_list("requested_version") if run else ()
            for (upto,) in asked:  # what was said while it was at work was not known to it
                seen &= Q(run=run) | Q(position__lte=upto)
            return _chained(_line(conversation, seen, steps), ident, "message")
        return []

    def look_at_node(ident: UUID, steps: int) -> list[Node]:
        known = GraphNode.objects.filter(id=ident, graph__session_id=session_id).exists()
        return _before(ident, steps) if known else []

    return [look_at_message, look_at_run, look_at_node]


def answer_or(session_id: UUID, node: UUID) -> UUID:
    """The message that a run ended with, where `node` is one that did; else the node itself."""
    answer = Run.objects.filter(id=node, session_id=session_id).values_list("message", flat=True).first()
    return answer or node


def _line(conversation_id: UUID, seen: Q, steps: int) -> list[UUID]:
    """The last messages of a line that count, oldest first: one more than there are steps, so that the first knows what
    it depends on. (As `queries.counted`.)"""
    instead = Left(KeyTextTransform("superseded_by", "metadata"), 40)
    newest = messages_in(conversation_id).filter(seen).order_by("-position").values_list("id", "run", instead)
    line = list(newest[: 2 * steps + 2])[::-1]
    here = {str(run) for _, run, _ in line if run}
    return [ident for ident, _, replaced in line if replaced not in here]


def _chained(line: Sequence[UUID], last: UUID, kind: str) -> list[Node]:
    """Each message depends on the one before it. The first is told by another look: what is before it was not read."""
    nodes = [Node(id=ident, kind="message", dependencies=(before,)) for before, ident in pairwise(line)]
    return [*nodes, Node(id=last, kind=kind, dependencies=tuple(line[-1:]))]


def _before(ident: UUID, steps: int) -> list[Node]:
    """A node and those before it, in their own order; one query for each step, along the edges."""
    before: dict[UUID, list[UUID]] = {}
    level = [ident]
    while level and steps >= 0:
        before |= {one: [] for one in level}
        edges = GraphEdge.objects.filter(dependent__in=level).order_by("dependency__graph", "dependency__index")
        for dependency, dependent in edges.values_list("dependency_id", "dependent_id"):
            before[dependent].append(dependency)
        level = list(dict.fromkeys(one for known in level for one in before[known] if one not in before))
        steps -= 1
    return [Node(id=one, kind="node", dependencies=tuple(others)) for one, others in before.items()]


def all_shown(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """The nodes with what they are, which is read now: of each kind all at once. Raises NotFound when the session was
    deleted meanwhile."""
    nodes = list(nodes)
    found: dict[UUID, dict[str, Any]] = {}
    for kind, as_dicts in _AS_DICTS.items():
        if ids := [node.id for node in nodes if node.kind == kind]:
            found |= as_dicts(ids)
    if any(node.id not in found for node in nodes):
        raise NotFound("The session was deleted.")
    return [_as_dict(node, found[node.id]) for node in nodes]


def _as_dict(node: Node, what: dict[str, Any]) -> dict[str, Any]:
    before = [str(ident) for ident in node.dependencies]
    return {"id": str(node.id), "kind": node.kind, "dependencies": before, node.kind: what}


def _messages(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {ident: message_as_dict(row) for ident, row in Message.objects.in_bulk(ids).items()}


def _runs(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {ident: run_as_dict(row) for ident, row in Run.objects.in_bulk(ids).items()}


def _nodes(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    return {ident: node_with_texts(row) for ident, row in GraphNode.objects.in_bulk(ids).items()}


_AS_DICTS: dict[str, Callable[[Sequence[UUID]], dict[UUID, dict[str, Any]]]] = {
    "message": _messages,
    "run": _runs,
    "node": _nodes,
}


def tree(nodes: dict[UUID, Node]) -> dict[str, Any]:
    """The last node with its dependencies inside, each told once; `more` are ids not followed, or told before."""
    told: dict[UUID, dict[str, Any]] = {}
    hung: set[UUID] = set()
    for node, row in zip(nodes.values(), all_shown(nodes.values()), strict=True):  # dependencies come first
        inside = [ident for ident in node.dependencies if ident in told and ident not in hung]
        hung.update(inside)
        more = [str(ident) for ident in node.dependencies if ident not in inside]
        told[node.id] = {**row, "dependencies": [told[ident] for ident in inside], "more": more}
    return told[next(reversed(nodes))]
