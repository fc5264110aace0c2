"""A plugin with a command that takes as long as a test wants: loaded through PLUGINS by the processes of a Cluster."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from bus.messages import Context, Event, SessionCommand, uuid7
from bus.registry import handles
from sessions_app.events import MessageAdded
from sessions_app.values import Role, parts

DEADLINE = 60.0


class NoteSlowly(SessionCommand):
    """Adds a message once the file `<name>.go` is there."""

    commutes = True

    name: str


@handles(NoteSlowly)
def note_slowly(command: NoteSlowly, context: Context) -> Iterator[Event]:
    """Says `<name>.<pid>.started`, waits, says `<name>.<pid>.left`."""
    folder = Path(os.environ["SLOW_FOLDER"])
    (folder / f"{command.name}.{os.getpid()}.started").touch()
    end = time.monotonic() + DEADLINE
    while not (folder / f"{command.name}.go").exists():
        if time.monotonic() > end:
            raise TimeoutError(command.name)
        time.sleep(0.02)
    (folder / f"{command.name}.{os.getpid()}.left").touch()
    yield MessageAdded(
        message_id=uuid7(), conversation_id=command.session_id, role=Role.USER, content=parts(str(os.getpid()))
    )
