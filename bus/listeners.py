"""Handlers and subscribers inside one process: called or fed at once, gone with the process. Sync and async alike."""

import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from bus import observe
from bus.exceptions import RegistrationError
from bus.messages import Command, Event

logger = logging.getLogger(__name__)

Listener = Callable[[Any], Any]


class Listeners:
    """Event handlers by event type (a base class hears its subclasses) and command handlers, for one scope."""

    def __init__(self) -> None:
        self.by_type: dict[type[Event], list[Listener]] = {}
        self.commands: dict[type[Command], Listener] = {}
        self._lock = threading.Lock()

    def add(self, event_type: type[Event], listener: Listener) -> None:
        """Call `listener(event)` for every event of the type."""
        with self._lock:
            self.by_type[event_type] = [*self.by_type.get(event_type, ()), listener]

    def remove(self, event_type: type[Event], listener: Listener) -> None:
        """Stop calling it."""
        with self._lock:
            self.by_type[event_type] = [kept for kept in self.by_type.get(event_type, ()) if kept is not listener]

    def handle(self, command_type: type[Command], handler: Listener) -> None:
        """The scope's one handler of a command type; refuses a second."""
        with self._lock:
            if command_type in self.commands:
                raise RegistrationError(f"This scope already handles {command_type.type}.")
            self.commands[command_type] = handler

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.by_type = {}
            self.commands = {}

    def call(self, event: Event) -> list[Awaitable[Any]]:
        """Call the sync listeners; the async ones are returned to be awaited. A failing one harms nobody else."""
        waiting: list[Awaitable[Any]] = []
        if not self.by_type:
            return waiting
        for kind in type(event).__mro__:
            for listener in self.by_type.get(kind, ()):
                try:
                    outcome = listener(event)
                except Exception:  # the listener's failure is its own; the event has happened
                    failed(listener)
                else:
                    if inspect.isawaitable(outcome):
                        waiting.append(guarded(listener, outcome))
        return waiting


async def guarded(listener: Listener, outcome: Awaitable[Any]) -> None:
    """Await an async listener, recording its failure."""
    try:
        await outcome
    except Exception:  # as above
        failed(listener)


def failed(listener: Listener) -> None:
    """Record that a listener raised; call it while the exception is being handled."""
    name = getattr(listener, "__qualname__", repr(listener))
    logger.exception("event handler %s failed", name)
    observe.LISTENER_FAILURES.labels(name).inc()


Scopes = dict[UUID, Listeners]
