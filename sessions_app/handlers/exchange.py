"""Decides about sessions that came in files."""

from collections.abc import Iterator

from bus.messages import Context, Event
from bus.registry import handles
from sessions_app import commands, events


@handles(commands.ImportSession)
def import_session(command: commands.ImportSession, context: Context) -> Iterator[Event]:
    """Recorded as the first thing that happened to it here; the guard has seen whose it is."""
    yield events.SessionImported(
        source=command.source, upto=command.upto, sha256=command.sha256, missing=command.missing
    )
