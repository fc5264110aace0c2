"""A plugin with a command and a tool that kill the worker they run in: loaded by the processes of a Cluster."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from bus.messages import Context, Event, SessionCommand
from bus.registry import handles
from sessions_app.llm import tools
from sessions_app.llm.tools import ToolContext


class DieHere(SessionCommand):
    """Ends the process without a goodbye."""

    commutes = True


@handles(DieHere)
def die_here(command: DieHere, context: Context) -> Iterator[Event]:
    """Says `<session>.<a new id>.died` and is gone."""
    die(command.session_id)
    yield from ()


@tools.tool()
def die_as_a_tool(query: str, context: ToolContext) -> str:
    """The same, for a model that asks for it (with what a ScriptedProvider asks)."""
    die(context.session_id)
    return "still there"


def die(session: UUID) -> None:
    """Leave a note, then kill the process."""
    (Path(os.environ["SLOW_FOLDER"]) / f"{session}.{uuid4()}.died").touch()
    os.kill(os.getpid(), signal.SIGKILL)
