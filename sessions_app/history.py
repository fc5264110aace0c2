"""What a message, a run's answer or a graph's node came from: the walk along dependencies, backwards. Called by
`api.history` and the facade.

The walk knows nodes and the ids they depend on. What kinds of nodes there are is the business of `Look` functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Q

from bus.exceptions import NotFound
from sessions_app.models import GraphNode, Message, Run
from sessions_app.orchestration.represent import node_with_texts
from sessions_app.queries import counted, messages_in
from sessions_app.represent import message_as_dict, run_as_dict

MOST_STEPS = 500


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Something said or to be said: `row` is its Message, Run or GraphNode. `dependencies` are the ids of the
    nodes before it."""

    id: UUID
    kind: str
    row: Any
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
        run = Run.objects.filter(id=ident, session_id=session_id).first()
        if run is None:
            return []
        line = Q(run=run.id) | Q(position__lte=run.requested_version)
        return _chained(_line(run.conversation_id, line, steps), Node(id=run.id, kind="run", row=run))

    def look_at_message(ident: UUID, steps: int) -> list[Node]:
        message = Message.objects.filter(id=ident, session_id=session_id).first()
        if message is None:
            return []
        run = Run.objects.filter(id=message.run, session_id=session_id).first() if message.run else None
        seen = Q(position__lt=message.position)
        if run is not None:  # what was said while it was at work was not known to it
            seen &= Q(run=run.id) | Q(position__lte=run.requested_version)
        line = _line(message.conversation_id, seen, steps)
        return _chained(line, Node(id=message.id, kind="message", row=message))

    def look_at_node(ident: UUID, steps: int) -> list[Node]:
        row = GraphNode.objects.filter(id=ident, graph__session_id=session_id).first()
        if row is None:
            return []
        before = tuple(UUID(dependency) for dependency in row.spec.get("dependencies", []))
        return [Node(id=row.id, kind="node", row=row, dependencies=before)]

    return [look_at_message, look_at_run, look_at_node]


def answer_or(session_id: UUID, node: UUID) -> UUID:
    """The message that a run ended with, where `node` is one that did; else the node itself."""
    answer = Run.objects.filter(id=node, session_id=session_id).values_list("message", flat=True).first()
    return answer or node


def _line(conversation_id: UUID, seen: Q, steps: int) -> list[Message]:
    """The last messages of a line that count, oldest first: one more than there are steps, so that the first knows what
    it depends on."""
    newest = messages_in(conversation_id).filter(seen).order_by("-position")[: 2 * steps + 2]
    return counted(reversed(newest))


def _chained(line: Sequence[Message], last: Node) -> list[Node]:
    """Each message depends on the one before it. The first is told by another look: what is before it was not read."""
    nodes = [
        Node(id=message.id, kind="message", row=message, dependencies=(before.id,))
        for before, message in pairwise(line)
    ]
    return [*nodes, msgspec.structs.replace(last, dependencies=(line[-1].id,) if line else ())]


_AS_DICT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "message": message_as_dict,
    "run": run_as_dict,
    "node": node_with_texts,
}


def shown(node: Node) -> dict[str, Any]:
    """A node with what it is."""
    return {
        "id": str(node.id),
        "kind": node.kind,
        "dependencies": [str(ident) for ident in node.dependencies],
        node.kind: _AS_DICT[node.kind](node.row),
    }


def tree(start: UUID, nodes: Mapping[UUID, Node]) -> dict[str, Any]:
    """The node with its dependencies inside, each told once; `more` are ids that were not followed, or told before."""
    told: dict[UUID, dict[str, Any]] = {}
    hung: set[UUID] = set()
    for node in nodes.values():  # dependencies come first
        inside = [ident for ident in node.dependencies if ident in told and ident not in hung]
        hung.update(inside)
        more = [str(ident) for ident in node.dependencies if ident not in inside]
        told[node.id] = {**shown(node), "dependencies": [told[ident] for ident in inside], "more": more}
    return told[start]
