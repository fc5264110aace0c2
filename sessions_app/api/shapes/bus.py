"""The shapes of what operators are told of the bus."""

from typing import Literal

from msgspec import Struct


class CommandKind(Struct):
    """A command: who may give it from outside, who handles it, and the plugin that is from."""

    name: str
    meaning: str
    outside: Literal["yes", "no", "operators"]
    handler: str
    plugin: str


class EventKind(Struct):
    """An event, and what follows from it in its transaction."""

    name: str
    meaning: str
    schema: int
    projections: list[str]
    reactions: list[str]


class SubscriberState(Struct):
    """A durable subscriber: `lag` is how many positions it is behind the log, null before it has begun."""

    name: str
    topics: list[str]
    max_attempts: int
    plugin: str
    lag: int | None
    parked: int


class OpenWork(Struct):
    """Work that is queued or being done."""

    kind: str
    state: str
    count: int


class Bus(Struct):
    """What is registered, and how far behind it is; `dropped` is of the process that answers, since it began."""

    commands: list[CommandKind]
    events: list[EventKind]
    subscribers: list[SubscriberState]
    work: list[OpenWork]
    dropped: dict[str, int]
