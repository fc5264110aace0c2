"""Graphs and their nodes as the JSON values that REST, sockets and pages show."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from sessions_app.models import Graph, GraphNode, Message
from sessions_app.represent import moment
from sessions_app.values import Role, text_of, to_content


def graph_info(graph: Graph) -> dict[str, Any]:
    """A graph without its nodes. `cost` in USD, null where unknown; `eta_seconds` is an estimate."""
    return {
        "id": str(graph.id),
        "session_id": str(graph.session_id),
        "name": graph.name,
        "kind": graph.kind,
        "state": graph.state,
        "max_parallel": graph.max_parallel,
        "cancel_requested": graph.cancel_requested,
        "progress": {
            "done": graph.done,
            "total": graph.total,
            "running": graph.running,
            "failed": graph.failed,
            "tokens": graph.tokens,
            "cost": None if graph.cost is None else f"{graph.cost.normalize():f}",
            "eta_seconds": graph.eta,
        },
        "metadata": graph.metadata,
        "started_at": moment(graph.started_at),
        "finished_at": moment(graph.finished_at),
    }


def graph_as_dict(graph: Graph) -> dict[str, Any]:
    """A graph with its nodes in the order they were given."""
    return graph_info(graph) | {"nodes": [node_as_dict(node) for node in graph.nodes.order_by("index")]}


def node_as_dict(node: GraphNode) -> dict[str, Any]:
    """A node. `dependencies` are ids; `code` and `reason` say why it did not succeed."""
    spec = node.spec
    return {
        "id": str(node.id),
        "graph_id": str(node.graph_id),
        "key": node.key,
        "state": node.state,
        "dependencies": spec.get("dependencies", []),
        "join": spec.get("join", "all"),
        "condition": spec.get("condition"),
        "on_dependency_failure": spec.get("on_dependency_failure", "fail"),
        "prompt": spec.get("prompt") or None,
        "prompt_version": spec.get("prompt_version"),
        "provider": spec["provider"],
        "model": spec["model"],
        "attempt": node.attempt,
        "run_id": str(node.run) if node.run else None,
        "conversation_id": str(node.conversation) if node.conversation else None,
        "message_id": str(node.message) if node.message else None,
        "code": node.code,
        "reason": node.reason,
        "metadata": spec.get("metadata", {}),
        "started_at": moment(node.started_at),
        "finished_at": moment(node.finished_at),
    }


_RULES = ("join", "condition", "on_dependency_failure", "config", "tools", "retry", "timeout", "budget", "on_interrupt")


def graph_as_asked(graph: Graph) -> dict[str, Any]:
    """What would start such a graph again: as `start-graph` takes it, without what it says by default."""
    rows = list(graph.nodes.order_by("index"))
    keys = {str(row.id): row.key for row in rows}
    asked = {"name": graph.name, "max_parallel": graph.max_parallel, "variables": graph.variables}
    nodes = [_node_as_asked(row, keys) for row in rows]
    return {**{name: value for name, value in asked.items() if value}, "nodes": nodes}


def _node_as_asked(node: GraphNode, keys: Mapping[str, str]) -> dict[str, Any]:
    spec = node.spec
    named = {"name": spec["prompt"], "version": spec.get("prompt_version")} if spec.get("prompt") else {}
    prompt = {**(named or {"user": spec["user"]}), "variables": spec.get("variables"), "system": spec.get("system")}
    prompt = {name: value for name, value in prompt.items() if value or name == "version"}
    said: dict[str, Any] = {"key": node.key, "prompt": prompt["user"] if list(prompt) == ["user"] else prompt}
    if before := spec.get("dependencies"):
        said["dependencies"] = [keys.get(one, one) for one in before]
    rules = {name: spec[name] for name in _RULES if spec.get(name) not in (None, [], {})}
    return said | {"provider": spec["provider"], "model": spec["model"]} | rules


def node_with_texts(node: GraphNode) -> dict[str, Any]:
    """A node with what it asked and what was answered (null where it did not come to that)."""
    asked = Message.objects.filter(conversation_id=node.conversation, role=Role.USER) if node.conversation else None
    answer = Message.objects.filter(id=node.message) if node.message else None
    return node_as_dict(node) | {"input": _first_text(asked), "output": _first_text(answer)}


def _first_text(messages: QuerySet[Message] | None) -> str | None:
    first = messages.order_by("position").first() if messages is not None else None
    return None if first is None else text_of(to_content(first.content))
