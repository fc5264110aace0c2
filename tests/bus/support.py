"""A toy domain with a registry of its own, and the means to run things at once: threads, a fresh loop, deadlines."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, connections

from bus.bus import MessageBus
from bus.live.hub import hub
from bus.log import store, transaction
from bus.messages import Command, CommandResult, Context, Envelope, Event, SessionCommand, uuid7
from bus.models import StoredEvent
from bus.registry import Registry

T = TypeVar("T")
DEADLINE = 20.0


class Opened(Event):
    """A stream began."""


class Noted(Event):
    """Something was written down."""

    text: str


class Echoed(Event):
    """A reaction repeated a note."""

    text: str


class Open(Command):
    """Begin a stream."""

    creates = True


class Note(SessionCommand):
    """Write something down."""

    text: str
    times: int = 1


class Append(SessionCommand):
    """The same, without looking at the stream first, and in a single statement."""

    commutes = True
    at_once = True

    text: str


class Fail(SessionCommand):
    """Yield an event, then raise."""


def toy_registry() -> Registry:
    """Handlers for the toy commands; nothing projects, reacts or subscribes yet."""
    made = Registry()
    for kind in (Opened, Noted, Echoed):
        made.register_event(kind)

    @made.handles(Open)
    def _open(command: Open, context: Context) -> Iterator[Event]:
        yield Opened(session_id=command.session_id or uuid7())

    @made.handles(Note)
    def _note(command: Note, context: Context) -> Any:
        for _ in range(command.times):
            yield Noted(text=command.text)
        return {"text": command.text}

    @made.handles(Append)
    def _append(command: Append, context: Context) -> Iterator[Event]:
        yield Noted(text=command.text)

    @made.handles(Fail)
    def _fail(command: Fail, context: Context) -> Iterator[Event]:
        yield Noted(text="never seen")
        raise RuntimeError("on purpose")

    return made


class Toy:
    """A durable bus over the toy domain, with one stream open."""

    def __init__(self) -> None:
        self.registry = toy_registry()
        self.bus = MessageBus(self.registry, durable=True)
        self.id = self.open()

    def open(self) -> UUID:
        """Begin another stream; its id."""
        ident = uuid7()
        self.bus.execute(Open(session_id=ident))
        return ident

    def note(self, text: str = "x", *, times: int = 1, stream: UUID | None = None, **context: Any) -> CommandResult:
        """Write something down."""
        return self.bus.execute(Note(session_id=stream or self.id, text=text, times=times), Context(**context))

    def note_silently(self, text: str, stream: UUID | None = None) -> CommandResult:
        """Record a note without telling anybody: what a lost frame leaves behind."""
        command = Note(session_id=stream or self.id, text=text)
        context = Context()
        decide = self.registry.handler_for(command)
        return transaction.transact(
            self.registry, command, context, lambda: decide(command, context), announce=lambda envelopes: None
        )

    def events(self, stream: UUID | None = None) -> list[Envelope]:
        """What a stream holds."""
        return list(store.read_all(self.registry, stream or self.id))

    def texts(self, stream: UUID | None = None) -> list[str]:
        """The notes in a stream."""
        return [envelope.fields()["text"] for envelope in self.events(stream) if envelope.type == "noted"]


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Make the calls at the same moment, each in its thread; their results, an exception standing for itself."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(DEADLINE)
            results[number] = call()
        except Exception as error:  # handed to the test, which judges it
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads)
    return results


def wait_until(condition: Callable[[], T], what: str = "the condition") -> T:
    """The condition's first true value, within the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not come true within {DEADLINE} s")


async def until(condition: Callable[[], Any], what: str = "the condition") -> None:
    """The same on an event loop."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {DEADLINE} s"
        await asyncio.sleep(0.01)


def on_a_loop(main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine on a fresh event loop, and end that loop's hub afterwards."""

    async def run() -> T:
        try:
            async with asyncio.timeout(DEADLINE):
                return await main()
        finally:
            await hub().close()

    return asyncio.run(run())


async def take(stream: Any, count: int) -> list[Any]:
    """The next `count` things of an async iterator."""
    return [await anext(stream) for _ in range(count)]


def stored() -> int:
    """How many events the log holds."""
    return StoredEvent.objects.count()


def execute(sql: str, *parameters: Any) -> int:
    """Run SQL behind everybody's back; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
