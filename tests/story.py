"""A session told by commands, and what it became: the shape of most tests (given commands, then events)."""

from typing import Any
from uuid import UUID

from bus.bus import bus
from bus.log import store
from bus.log.replay import replay
from bus.messages import Actor, Command, CommandResult, Context, Envelope


class Story:
    """One session and the actor who tells it."""

    def __init__(self, session_id: str | UUID, actor: Actor) -> None:
        self.id = UUID(str(session_id))
        self.actor = actor

    def tell(self, command: type[Command], /, *, context: dict[str, Any] | None = None, **fields: Any) -> CommandResult:
        """Execute a command on the session."""
        return bus.execute(command(session_id=self.id, **fields), Context(actor=self.actor, **(context or {})))

    def events(self, after: int = 0) -> list[Envelope]:
        """What was recorded."""
        return list(store.read_all(bus.registry, self.id, after=after))

    def types(self, after: int = 0) -> list[str]:
        """The types of what was recorded."""
        return [envelope.type for envelope in self.events(after)]


def assert_replay_rebuilds_the_same_rows() -> None:
    """Every flow ends with this: the rows are what the log says, no more and no less."""
    _, different = replay(bus.registry, keep=False)
    assert different == [], different
