"""The one door. Every caller (REST, sockets, admin, pages, plugins, workers, scripts) changes things through it.

`bus` is the application's: commands run in a transaction, events are recorded. `MessageBus()` alone is an in-process
bus with the same face: handlers, listeners, scopes and subscriptions, and no database."""

import asyncio
import inspect
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, NotSupportedError, OperationalError

from bus import observe
from bus import registry as registries
from bus.database import in_thread
from bus.exceptions import BusError, NoHandler, RegistrationError
from bus.listeners import Listener, Listeners, Scopes
from bus.live import signals, stream
from bus.live.stream import EventStream, Transform
from bus.log import codec, transaction
from bus.loop import submit
from bus.messages import SYSTEM, Actor, Command, CommandResult, Context, Envelope, Event, Notice, TraceEvent, uuid7
from bus.scope import Scope
from bus.topics import Filter
from bus.work import queue

TRIES = 3
"""How often a transaction is tried that PostgreSQL rolled back for a deadlock or a serialization failure."""


class RecordEvent(Command):
    """Records one event that came from outside a handler; what `publish` makes of a storable event."""

    public = False
    commutes = True


class MessageBus:
    """Commands to their one handler, events to everybody. Safe to use from any thread and any event loop."""

    def __init__(self, registry: registries.Registry | None = None, *, durable: bool = False) -> None:
        self.registry = registry or registries.Registry()
        self.durable = durable
        self.listeners = Listeners()
        self.scopes: Scopes = {}
        self.traces = False
        self.streams: set[EventStream] = set()
        self._versions = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- commands --------------------------------------------------------------------------------------------------

    def execute(
        self,
        command: Command,
        context: Context | None = None,
        *,
        before: Callable[[], object] | None = None,
        after: Callable[[CommandResult], None] | None = None,
    ) -> CommandResult:
        """Run a command now and return its result. Raises what it is refused with (`bus.exceptions.Refused`).

        `before` and `after` run inside the transaction, first and last (how workers claim and finish their work)."""
        handler = self._scoped(command)
        if handler is not None:
            with observe.command(command.type):
                return _as_result(command, _settled(handler(command)))
        decide = self.registry.handler_for(command)
        context = context or Context()
        if not self.durable:
            with observe.command(command.type):
                return self._execute_here(command, _settled(decide(command, context)), context)
        call = partial(decide, command, context)
        command.prepare()
        with observe.command(command.type) as timing:
            for attempt in itertools.count(1):
                try:
                    result = transaction.transact(
                        self.registry, command, context, call, announce=self._announce, before=before, after=after
                    )
                    break
                except (OperationalError, IntegrityError, NotSupportedError) as error:
                    if attempt == TRIES or not transaction.retryable(error):
                        raise
        if self.traces and command.session_id is not None:
            took, count = timing.milliseconds, len(result.events)
            self.tell(TraceEvent(session_id=command.session_id, name=command.type, milliseconds=took, events=count))
        return result

    async def aexecute(self, command: Command, context: Context | None = None) -> CommandResult:
        """`execute` for async code: the transaction runs in a database thread, an in-process handler right here."""
        handler = self._scoped(command)
        if handler is not None:
            with observe.command(command.type):
                outcome = handler(command)
                return _as_result(command, await outcome if inspect.isawaitable(outcome) else outcome)
        if self.durable:
            return await in_thread(self.execute, command, context)
        context = context or Context()
        decide = self.registry.handler_for(command)
        with observe.command(command.type):
            outcome = decide(command, context)
            outcome = await outcome if inspect.isawaitable(outcome) else outcome
            return self._execute_here(command, outcome, context)

    async def dispatch(self, command: Command, context: Context | None = None) -> CommandResult:
        """`aexecute` that reports a refusal (or a failing in-process handler) as `success=False` instead of raising."""
        try:
            return await self.aexecute(command, context)
        except (NoHandler, RegistrationError):
            raise
        except BusError as error:
            return CommandResult(
                success=False, original_command=command, error=error.detail, problem=error.as_problem()
            )
        except Exception as error:
            if self._scoped(command) is None:
                raise
            return CommandResult(success=False, original_command=command, error=str(error) or repr(error))

    def enqueue(self, command: Command, context: Context | None = None, *, delay: float = 0.0) -> UUID:
        """Accept a command to be run by a worker; its id. Stored before this returns (with the caller's transaction).

        `delay` is in seconds."""
        self.registry.handler_for(command)
        context = context or Context()
        for guard in self.registry.guards:  # refused now rather than by the worker, to somebody who has gone
            guard.check(command, context)
        return queue.enqueue_command(command, context, delay)

    async def aenqueue(self, command: Command, context: Context | None = None, *, delay: float = 0.0) -> UUID:
        """`enqueue` for async code."""
        return await in_thread(self.enqueue, command, context, delay=delay)

    # -- events ----------------------------------------------------------------------------------------------------

    async def publish(self, event: Event | Notice, actor: Actor = SYSTEM) -> Envelope | None:
        """Record a storable event (its type is registered) or deliver any other inside this process; show a notice."""
        if isinstance(event, Notice):
            self.tell(event)
            return None
        if self.durable and event.session_id and self.registry.events.get(event.type) is type(event):
            return await in_thread(self.record, event, actor)
        envelope = self._envelope(event, actor)
        for awaitable in self._deliver(event, envelope):
            await awaitable
        return envelope

    def record(self, event: Event, actor: Actor = SYSTEM) -> Envelope:
        """Record one storable event of an existing session, from sync code."""
        result = transaction.transact(
            self.registry,
            RecordEvent(session_id=event.session_id),
            Context(actor=actor),
            lambda: iter([event]),
            announce=self._announce,
        )
        return result.events[0]

    def tell(self, notice: Notice) -> None:
        """Show a notice to whoever watches its session now. Never waits; may be lost; not stored."""
        if self.durable:
            signals.notice_told.send_robust(sender=type(self), notice=notice)

    def subscribe(
        self,
        *topics: str,
        session: UUID | None = None,
        after: int | None = None,
        filters: Sequence[Filter] = (),
        transform: Transform | None = None,
        capacity: int = 1000,
    ) -> EventStream:
        """Events as they happen, as an async iterator (call it inside a running loop).

        With `session`, that session's from version `after` (None: from now); without, the whole log's from position
        `after`. On an in-process bus: what is published from now on."""
        made = EventStream(topics, filters, transform, capacity)
        self.streams.add(made)
        made.on_close(lambda: self.streams.discard(made))
        if not self.durable:
            return made
        if session is not None:
            stream.follow_session(made, session, after)
        else:
            stream.follow_log(made, self.registry, after)
        return made

    def on(self, event_type: type[Event], listener: Listener) -> Callable[[], None]:
        """Call `listener(event)` (sync or async) in this process for every such event; returns what ends that."""
        self.listeners.add(event_type, listener)
        return partial(self.listeners.remove, event_type, listener)

    # -- life ------------------------------------------------------------------------------------------------------

    def create_session(self, session_id: UUID | None = None) -> Scope:
        """A scope of document 000: `with bus.create_session() as scope:`."""
        return Scope(self, session_id)

    def shutdown(self) -> None:
        """End every subscription, scope and listener of this process."""
        for made in tuple(self.streams):
            made.close()
        for listeners in self.scopes.values():
            listeners.clear()
        self.scopes.clear()
        self.listeners.clear()

    def deliver_here(self, event: Event) -> list[Awaitable[Any]]:
        """Deliver an event inside this process; the async handlers' awaitables are the caller's to await."""
        return self._deliver(event, self._envelope(event, SYSTEM))

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a task until it is done; the loop alone would let it be collected."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _scoped(self, command: Command) -> Listener | None:
        if not self.scopes or command.session_id is None:
            return None
        scope = self.scopes.get(command.session_id)
        return scope.commands.get(type(command)) if scope is not None else None

    def _execute_here(self, command: Command, outcome: Any, context: Context) -> CommandResult:
        events, data = transaction.decided(outcome)
        for event in events:
            for awaitable in self._deliver(event, self._envelope(event, context.actor)):
                submit(_awaited(awaitable))
        return _as_result(command, data)

    def _envelope(self, event: Event, actor: Actor) -> Envelope:
        return codec.local_envelope(
            event, ident=uuid7(), version=next(self._versions), recorded_at=datetime.now(UTC), actor=actor
        )

    def _deliver(self, event: Event, envelope: Envelope) -> list[Awaitable[Any]]:
        if not self.durable:  # a durable bus feeds its streams from the log
            for made in tuple(self.streams):
                made.offer_from_any_thread(envelope)
        waiting = self.listeners.call(event)
        if self.scopes and event.session_id in self.scopes:
            waiting += self.scopes[event.session_id].call(event)
        return waiting

    def _announce(self, envelopes: list[Envelope]) -> None:
        """After the commit: the signal (push, work hints), then this process's own listeners."""
        for envelope in envelopes:
            observe.recorded(envelope.type)
        signals.events_recorded.send_robust(sender=type(self), envelopes=envelopes)
        if self.listeners.by_type or self.scopes:
            for envelope in envelopes:
                for awaitable in self._deliver(self.registry.open(envelope), envelope):
                    submit(_awaited(awaitable))


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _settled(outcome: Any) -> Any:
    """An async handler's outcome, waited for in sync code."""
    return submit(_awaited(outcome)).result() if inspect.isawaitable(outcome) else outcome


def _as_result(command: Command, data: Any) -> CommandResult:
    return data if isinstance(data, CommandResult) else CommandResult(success=True, original_command=command, data=data)


bus = MessageBus(registries.default, durable=True)
"""The application's bus."""
