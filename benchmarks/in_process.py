"""a: the bus alone, without a database: what a command and an event cost in the process."""

import asyncio
from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

from benchmarks.measure import Figure, medians, rate
from bus import observe
from bus.bus import MessageBus
from bus.messages import Command, Context, Event

COMMANDS = 20_000
ROUNDS = 5


class Greet(Command):
    """Asks for next to nothing."""

    name: str


class Greeted(Event):
    """Next to nothing happened."""

    name: str


def greet(command: Greet, context: Context) -> str:
    """Does next to nothing."""
    return command.name


def measure() -> list[Figure]:
    """Commands and events per second, with the floors in between."""
    was = observe.enabled
    try:
        return [*_commands(), *_events(1), *_events(10)]
    finally:
        observe.enabled = was


def _commands() -> list[Figure]:
    bus = MessageBus()
    bus.registry.handles(Greet)(greet)
    command, context = Greet(name="Alice"), Context()
    table: dict[type[Command], Callable[[Any, Context], Any]] = {Greet: greet}

    def executed(observed: bool) -> float:
        observe.enabled = observed

        def run() -> None:
            for _ in range(COMMANDS):
                bus.execute(command, context)

        return rate(run, COMMANDS)

    def looked_up() -> None:
        for _ in range(COMMANDS):
            table[type(command)](command, context)

    found = medians(
        {
            "on": lambda: executed(True),
            "off": lambda: executed(False),
            "floor": lambda: rate(looked_up, COMMANDS),
        },
        ROUNDS,
    )
    return [
        Figure(
            benchmark="a",
            name=f"`bus.execute`, observability {state}",
            value=found[state],
            unit="commands/s",
            floor=found["floor"],
            floor_name="a look-up in a dict",
            aim=f"≥ {aim:,}",
            met=found[state] >= aim,
        )
        for state, aim in (("off", 300_000), ("on", 100_000))
    ]


def _events(listeners: int) -> list[Figure]:
    bus, signal, event = MessageBus(), Signal(), Greeted(name="Alice")
    receivers = [lambda **_: None for _ in range(listeners)]
    for receiver in receivers:
        bus.on(Greeted, lambda _: None)
        signal.connect(receiver, weak=False)
    count = COMMANDS // 4

    async def published() -> None:
        for _ in range(count):
            await bus.publish(event)

    def run(observed: bool) -> float:
        observe.enabled = observed
        return rate(lambda: asyncio.run(published()), count)

    def sent() -> None:
        for _ in range(count):
            signal.send(sender=None, event=event)

    found = medians({"on": lambda: run(True), "off": lambda: run(False), "floor": lambda: rate(sent, count)}, ROUNDS)
    return [
        Figure(
            benchmark="a",
            name=f"`bus.publish` to {listeners} listener{'s' * (listeners > 1)}, observability {state}",
            value=found[state],
            unit="events/s",
            floor=found["floor"],
            floor_name="`django.dispatch.Signal.send`",
        )
        for state in ("off", "on")
    ]
