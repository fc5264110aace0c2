"""What can be asked by clients that send the whole conversation with every call: find it, go on with it, answer it."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from bus.messages import Command, SessionCommand
from sessions_app.commands.runs import ClientTools
from sessions_app.values import Content, Metadata, Name, Role, RunConfig, Title, Value

MOST_NEW = 1_000
"""Messages that one call may bring."""
BOTH = ("sessions:write", "runs:write")


class Line(Value):
    """One message as a client sends it."""

    role: Role
    content: Content
    metadata: Metadata = {}


Lines = Annotated[list[Line], Meta(max_length=2_000)]


class StartChat(Command):
    """Begin a session with these messages, and answer them."""

    public = False
    for_others = True
    creates = True
    scope = "runs:write"
    most_events = MOST_NEW

    provider: Name
    model: Name
    lines: Lines
    title: Title = ""
    config: RunConfig = RunConfig()
    client_tools: ClientTools = []
    metadata: Metadata = {}

    def needs(self) -> tuple[str, ...]:
        """It writes both."""
        return BOTH


class GoOnWithChat(SessionCommand):
    """Answer these messages, which are the whole conversation: what the session has of it is not added again, and
    where it differs from what the session has, it goes on in a fork. `conversation_id`: where to look; by default in
    the latest ones. `server_tools`: whether the session's own tools are offered, too."""

    public = False
    for_others = True
    scope = "runs:write"
    most_events = MOST_NEW

    provider: Name
    model: Name
    lines: Lines
    conversation_id: UUID | None = None
    config: RunConfig = RunConfig()
    client_tools: ClientTools = []
    server_tools: bool = True
    metadata: Metadata = {}

    def needs(self) -> tuple[str, ...]:
        """It writes both."""
        return BOTH
