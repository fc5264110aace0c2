"""A plugin as its older version was: see `tests.harness.newer`. For the promise about rolling upgrades only."""

from bus.bus import bus
from bus.messages import Event


class ThingDone(Event):
    """Something both versions know."""

    what: str


bus.registry.register_event(ThingDone)
