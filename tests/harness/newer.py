"""A plugin's newer version, beside `tests.harness.older`: it knows a command, an event and a kind of work that the
older does not, and an event both know has one field more. For the promise about rolling upgrades only."""

from collections.abc import Iterator
from typing import Any

from bus.bus import bus
from bus.messages import Context, Event, SessionCommand, uuid7
from bus.registry import handles
from bus.work import kinds, lease, queue
from bus.work.lease import Lease

KIND = "newer"


class ThingDone(Event):
    """Something both versions know."""

    schema = 2

    what: str
    mood: str = "glad"

    @staticmethod
    def upcast_v1_v2(values: dict[str, Any]) -> dict[str, Any]:
        """Older ones have no mood."""
        return values


class OtherThingDone(Event):
    """Something that only the newer version knows."""


class DoThing(SessionCommand):
    """What only the newer version can be asked for: records both, and leaves work of a new kind behind."""


@handles(DoThing)
def do_thing(command: DoThing, context: Context) -> Iterator[Event]:
    """Both events, and the work."""
    queue.add(KIND, uuid7(), "thing", context, session=command.session_id)
    yield ThingDone(session_id=command.session_id, what="a thing")
    yield OtherThingDone(session_id=command.session_id)


def _given_up(held: Lease, detail: str) -> None:
    raise AssertionError(detail)


bus.registry.register_event(ThingDone)
bus.registry.register_event(OtherThingDone)
kinds.register(kinds.Kind(name=KIND, task="newer.work", run=lambda held: lease.finish(held, "done"), parked=_given_up))
