"""What can be asked to be told, by sockets and programs that speak commands: REST has addresses for the same."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from bus.messages import SessionCommand
from sessions_app.commands.artifacts import ArtifactName

MOST_TOLD = 100
"""Rows of one answer; REST has pages."""


class GetExecutionStatus(SessionCommand):
    """What became of a prompt (its node), or of a whole graph with all its nodes."""

    commutes = True
    access = "read"
    scope = "graphs:read"

    execution_id: UUID


class GetConversationHistory(SessionCommand):
    """What a message, a run or a node came from, back to `max_depth` steps: a list with itself last, or a tree."""

    commutes = True
    access = "read"
    scope = "sessions:read"

    node_id: UUID
    max_depth: Annotated[int, Meta(ge=0, le=50)] = 20
    shape: Literal["flat", "tree"] = "flat"


class GetArtifact(SessionCommand):
    """An artifact without its bytes, which are downloaded."""

    commutes = True
    access = "read"
    scope = "artifacts:read"

    artifact_id: UUID


class ListArtifacts(SessionCommand):
    """The session's newest artifacts, or the versions of a name, at most 100."""

    commutes = True
    access = "read"
    scope = "artifacts:read"

    name: ArtifactName | None = None
