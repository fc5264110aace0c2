"""A plugin that fails wherever it can while `broken`, and is loaded for single tests."""

from collections.abc import Iterator

from bus.messages import Context, Envelope, Event, SessionCommand
from bus.registry import handles, projects, reacts_to, subscribes_to
from sessions_app.events import RunCompleted, RunRequested
from sessions_app.llm.tools import tool
from sessions_app.models import Plugin, Session
from sessions_app.panels import shows

broken = True
needed = False
got: list[str] = []


class Praise(SessionCommand):
    """Say something nice."""


class Praised(Event):
    """Something nice was said."""


@handles(Praise)
def praise(command: Praise, context: Context) -> Iterator[Event]:
    """Always."""
    yield Praised()


@projects(Praised)
def praised(event: Praised, envelope: Envelope) -> None:
    """Its own row: it stands in for a table of the plugin's."""
    Plugin.objects.update_or_create(name=f"praised {envelope.stream}")


@reacts_to(RunRequested, RunCompleted)
def react(event: Event, envelope: Envelope) -> Iterator[Event]:
    """Writes, yields, and then fails."""
    if broken:
        Plugin.objects.create(name=f"left behind {envelope.id}")
        yield Praised()
        raise RuntimeError("the reaction is broken")


@reacts_to(RunRequested, required=True)
def react_or_refuse(event: RunRequested, envelope: Envelope) -> None:
    """Fails the command, while it is `needed`."""
    if needed:
        raise RuntimeError("the required reaction is broken")


@subscribes_to("message-added", name="bad", max_attempts=2)
def take(envelope: Envelope) -> None:
    """Fails on every message."""
    if broken:
        raise RuntimeError("the subscriber is broken")
    got.append(envelope.type)


@tool(name="bad_tool")
def bad_tool() -> str:
    """Fails."""
    raise RuntimeError("the tool is broken")


@shows("Bad")
def lines(session: Session) -> list[str]:
    """Fails, too."""
    raise RuntimeError("the panel is broken")
