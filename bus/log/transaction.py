"""The one transaction of a command: decide, append, project, react. Called by `bus.bus`; nothing in it waits for a
network or a queue."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, OperationalError, connection, transaction

from bus import observe
from bus.exceptions import AlreadyExists, BusError, RegistrationError, StreamNotFound, TooManyReactions, VersionConflict
from bus.log import idempotency, store
from bus.messages import Command, CommandResult, Context, Envelope, ErrorOccurred, Event, Once, changed
from bus.registry import Reaction, Registry, SqlProjection

logger = logging.getLogger(__name__)

MAX_EVENTS = 200
"""Events of one command, reactions included: two plugins that answer each other for ever are stopped."""

Hook = Callable[[CommandResult], None]


def decided(outcome: Any, most: int = MAX_EVENTS) -> tuple[list[Event], Any]:
    """What a handler or reaction decided: the events it yielded and the data it returned. Raises TooManyReactions for
    one that does not stop."""
    if not isinstance(outcome, Iterator):
        return [], outcome
    events: list[Event] = []
    while True:
        try:
            events.append(next(outcome))
        except StopIteration as end:
            return events, end.value
        if len(events) > most:
            raise TooManyReactions


class Transaction:
    """One command's decide, append, project, react. Use `run` once, inside `atomic`."""

    def __init__(self, registry: Registry, context: Context) -> None:
        self.registry = registry
        self.context = context
        self.recorded: list[Envelope] = []
        self.most = MAX_EVENTS
        self.broken: tuple[str, str, str] | None = None

    def run(self, command: Command, handler: Callable[[], Any]) -> CommandResult:
        """Everything of the command but commit. Raises what the handler refuses with; then nothing is written."""
        context = self.context
        first = idempotency.claim(command, context) if context.idempotency_key is not None else None
        if first is None or not command.parts:  # what was answered then is told to who may still ask
            for guard in self.registry.guards:
                guard.check(command, context)
        if first is not None:
            return CommandResult(success=True, original_command=command, **first)
        expected = self._enter(command)
        self.most += command.most_events
        events, data = decided(handler(), self.most)
        if events:
            self.record(self._stream(command, events), events, context.command_id, expected)
        data, once = (data.kept, data.told) if isinstance(data, Once) else (data, None)
        result = self._result(command, msgspec.to_builtins(data), once)
        if context.idempotency_key is not None:
            idempotency.keep(result.data, result.version, context, again=not self.recorded)
        return result

    def at_once(self, command: Command, handler: Callable[[], Any]) -> CommandResult | None:
        """The whole command, commit included, as one statement: guards, append, projections, idempotency key.

        None: nothing was written; it is not that simple, or somebody is in the way. Let `run` do it, or say why not."""
        try:
            events, data = decided(handler())
        except Exception:  # in `run` the guards speak before the handler
            return None
        data = msgspec.to_builtins(data)
        beside = self._all_beside(command, events, data)
        if beside is None or command.session_id is None:
            return None
        expected = self.context.expected_version
        with suppress(IntegrityError):
            self._append(command.session_id, events, self.context.command_id, expected, beside)
        return self._result(command, data) if self.recorded else None

    def _all_beside(self, command: Command, events: Sequence[Event], data: Any) -> store.Beside | None:
        """What the one statement must carry; None where one will not do."""
        beside = store.fused(events, self.registry) if events else None
        if beside is None or any(self.registry.reactions.get(event.type) for event in events):
            return None
        for guard in self.registry.guards:
            condition = guard.condition(command, self.context)
            if condition is None:
                return None
            beside = beside.only_where(condition)
        if self.context.idempotency_key is not None:
            beside = beside.along(idempotency.KEEP_BESIDE, idempotency.kept_beside(command, self.context, data))
        return beside

    def _result(self, command: Command, data: Any, once: dict[str, str] | None = None) -> CommandResult:
        return CommandResult(
            success=True,
            original_command=command,
            data=data,
            version=self.recorded[-1].version if self.recorded else None,
            command_id=self.context.command_id,
            events=tuple(self.recorded),
            once=once,
        )

    def _enter(self, command: Command) -> int | None:
        """The session's row lock for commands that decide from its state. The version still to check."""
        stream, expected = command.session_id, self.context.expected_version
        if stream is None or command.commutes:
            return expected
        if command.creates:
            store.lock_name(stream)
            return None
        present = store.lock(stream)
        if command.tolerates_absence:
            return expected  # compared by the append, so only where there is something of the actor's to change
        if present is None:
            raise StreamNotFound(f"There is no session {stream}.")
        if expected is not None and expected != present:
            raise VersionConflict(current_version=present, expected_version=expected)
        return None

    def _stream(self, command: Command, events: Sequence[Event]) -> UUID:
        stream = events[0].session_id if command.opens else command.session_id or events[0].session_id
        if stream is None:
            raise RegistrationError(f"The handler of {command.type} yielded an event without a session id.")
        if command.opens:
            store.create(stream)
        if command.creates and not store.create(stream):
            raise AlreadyExists(f"Session {stream} already exists.")
        return stream

    def record(self, stream: UUID, events: Sequence[Event], cause: UUID, expected: int | None = None) -> None:
        """Append, project and let the reactions answer, until no reaction has anything more to say."""
        todo = deque(self._projected(stream, events, cause, expected))
        while todo:
            event, envelope = todo.popleft()
            for reaction in self.registry.reactions.get(event.type, ()):
                todo.extend(self._react(reaction, event, envelope))

    def _projected(
        self, stream: UUID, events: Sequence[Event], cause: UUID, expected: int | None
    ) -> list[tuple[Event, Envelope]]:
        done: list[tuple[Event, Envelope]] = []
        for part in store.together(events):
            beside = store.fused(part, self.registry)
            pairs = self._append(stream, part, cause, None if done else expected, beside or store.Beside())
            if not pairs:
                raise store.why_not(stream, expected)
            for event, envelope in pairs if beside is None else ():
                project(self.registry, event, envelope)
            done += pairs
        return done

    def _append(
        self, stream: UUID, events: Sequence[Event], cause: UUID, expected: int | None, beside: store.Beside
    ) -> list[tuple[Event, Envelope]]:
        if len(self.recorded) + len(events) > self.most and not isinstance(events[0], ErrorOccurred):
            raise TooManyReactions
        events = [self._checked(event, stream) for event in events]
        origin = store.Origin(self.context, len(self.recorded), cause, observe.traceparent())
        envelopes = store.append(stream, events, origin, beside=beside, expected=expected)
        self.recorded += envelopes
        return list(zip(events, envelopes, strict=bool(envelopes)))

    def _checked(self, event: Event, stream: UUID) -> Event:
        if self.registry.events.get(event.type) is not type(event):
            raise RegistrationError(f"The event {event.type!r} is not registered; decorate a function with it.")
        if event.session_id is None:
            return changed(event, session_id=stream)
        if event.session_id != stream:
            raise RegistrationError(f"{event.type} names session {event.session_id} in a command for {stream}.")
        return event

    def _react(self, reaction: Reaction, event: Event, envelope: Envelope) -> list[tuple[Event, Envelope]]:
        """The reaction's events, recorded. Of a failing one nothing is kept, which is recorded too, unless it is
        required; then the command fails."""
        if reaction.plugin and self.registry.switch.off(reaction.plugin):
            return []
        if reaction.required:
            with self._watched(reaction):
                return self._answered(reaction, event, envelope)
        kept = len(self.recorded)
        try:
            with transaction.atomic(), self._watched(reaction):
                return self._answered(reaction, event, envelope)
        except Exception as error:  # the reaction's own failure must not undo the command
            del self.recorded[kept:]
            if isinstance(error, TooManyReactions) and reaction.otherwise is None:  # nor go on for ever
                self.broken = (reaction.plugin, reaction.name, repr(error)) if reaction.plugin else None
                raise
            return self._failed(reaction, event, envelope, error)

    def _answered(self, reaction: Reaction, event: Event, envelope: Envelope) -> list[tuple[Event, Envelope]]:
        answers, _ = decided(reaction.function(event, envelope))
        return self._projected(envelope.stream, answers, envelope.id, None) if answers else []

    def _failed(
        self, reaction: Reaction, event: Event, envelope: Envelope, error: Exception
    ) -> list[tuple[Event, Envelope]]:
        logger.error("reaction %s failed on %s", reaction.name, event.type, exc_info=error)
        observe.reaction_failed(reaction.name)
        if reaction.otherwise is not None:
            reaction.otherwise(event, envelope)
            return []
        if reaction.plugin:
            self.registry.switch.failed(reaction.plugin, reaction.name, repr(error))
        said = ErrorOccurred(source=reaction.name, error=repr(error)[:2000], command_id=self.context.command_id)
        return self._projected(envelope.stream, [said], envelope.id, None)

    @contextmanager
    def _watched(self, reaction: Reaction) -> Iterator[None]:
        """A plugin's reaction holds the session's lock: one that takes its time is warned of."""
        if not reaction.plugin:
            yield
            return
        timing, switch = observe.Timing(), self.registry.switch
        try:
            yield
        except Exception as error:
            if reaction.required and not isinstance(error, BusError | OperationalError):
                self.broken = (reaction.plugin, reaction.name, repr(error))
            raise
        finally:
            if 0 < switch.slow < (took := timing.milliseconds) / 1000:
                logger.warning("plugin %s: reaction %s took %.0f ms", reaction.plugin, reaction.name, took)
        switch.worked(reaction.plugin, reaction.name)

    def report(self) -> None:
        """Count the required reaction that the transaction was rolled back for; call it after that."""
        if self.broken is not None:
            logger.error("plugin %s: required reaction %s failed: %s", *self.broken)
            self.registry.switch.failed(*self.broken)


def project(registry: Registry, event: Event, envelope: Envelope) -> None:
    """Bring the rows up to one recorded event."""
    for projection in registry.chain(event.type):
        if isinstance(projection, SqlProjection):
            where = "stream = %s AND version = %s"
            store.project(projection.statements, where, [envelope.session_id, envelope.version])
        else:
            projection(event, envelope)


def transact(
    registry: Registry,
    command: Command,
    context: Context,
    handler: Callable[[], Any],
    *,
    announce: Callable[[list[Envelope]], None],
    before: Callable[[], object] | None = None,
    after: Hook | None = None,
) -> CommandResult:
    """Run a command in one transaction; `announce` is called with what was recorded, once it is committed.

    `before` (claims, leases) and `after` (marks work done) run inside the transaction, first and last."""
    unit = Transaction(registry, context)
    if command.at_once and before is None and after is None and not connection.in_atomic_block:
        result = unit.at_once(command, handler)
        if result is not None:
            _announce(unit, announce)
            return result
    try:
        with transaction.atomic():
            if before is not None:
                before()
            result = unit.run(command, handler)
            if after is not None:
                after(result)
            _announce(unit, announce)
    except Exception:
        unit.report()
        raise
    return result


def _announce(unit: Transaction, announce: Callable[[list[Envelope]], None]) -> None:
    """Once committed, which without a transaction is now; a failure is logged, what is recorded stays recorded."""
    if unit.recorded:
        # a closure, not functools.partial: Django 5.2 asks the function for its name when it fails
        transaction.on_commit(lambda: announce(unit.recorded), robust=True)


def retryable(error: BaseException) -> bool:
    """Whether PostgreSQL rolled the whole transaction back for a reason that another try can cure: a deadlock, or
    somebody else's commit between our look and our write (what we refer to is gone, what we make is there), which the
    handler will see the next time and refuse properly; or a table changed under what was prepared (`bus.sql`)."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state in ("40001", "40P01", "23503", "23505", "0A000") and not connection.in_atomic_block
