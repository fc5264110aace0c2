"""Answers questions that change nothing. Whether the session may be looked into was asked by the guard."""

from typing import Any

from bus.exceptions import NotFound
from bus.messages import Context
from bus.registry import handles
from sessions_app import commands, history, queries
from sessions_app.models import Graph, GraphNode
from sessions_app.orchestration.represent import graph_as_dict, node_as_dict
from sessions_app.represent import artifact_as_dict


@handles(commands.GetExecutionStatus)
def get_execution_status(command: commands.GetExecutionStatus, context: Context) -> dict[str, Any]:
    """A node, or a graph."""
    node = GraphNode.objects.filter(id=command.execution_id, graph__session=command.session_id).first()
    if node is not None:
        return node_as_dict(node)
    graph = Graph.objects.filter(id=command.execution_id, session=command.session_id).first()
    if graph is None:
        raise NotFound(f"Execution not found with ID: {command.execution_id}")
    return graph_as_dict(graph)


@handles(commands.GetConversationHistory)
def get_conversation_history(command: commands.GetConversationHistory, context: Context) -> Any:
    """Dependencies first."""
    nodes = history.of(command.session_id, command.node_id, command.max_depth)
    if command.shape == "tree":
        return history.tree(nodes)
    return history.all_shown(list(nodes.values())[-commands.MOST_TOLD :])


@handles(commands.GetArtifact)
def get_artifact(command: commands.GetArtifact, context: Context) -> dict[str, Any]:
    """What is known of it."""
    return artifact_as_dict(queries.artifact_in(command.session_id, command.artifact_id))


@handles(commands.ListArtifacts)
def list_artifacts(command: commands.ListArtifacts, context: Context) -> list[dict[str, Any]]:
    """Newest first."""
    rows = queries.artifacts_in(command.session_id, command.name)[: commands.MOST_TOLD]
    return [artifact_as_dict(artifact) for artifact in rows]
