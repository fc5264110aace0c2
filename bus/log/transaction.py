"""The one transaction of a command: decide, append, project, react. Called by `bus.bus`; nothing in it waits for a
network or a queue."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from bus import observe
from bus.exceptions import AlreadyExists, RegistrationError, StreamNotFound, TooManyReactions, VersionConflict
from bus.log import idempotency, store
from bus.messages import Command, CommandResult, Context, Envelope, ErrorOccurred, Event, changed
from bus.registry import Reaction, Registry, SqlProjection

logger = logging.getLogger(__name__)

MAX_EVENTS = 200
"""Events of one command, reactions included; two plugins that answer each other for ever are stopped here."""

Hook = Callable[[CommandResult], None]


def decided(outcome: Any) -> tuple[list[Event], Any]:
    """What a handler or reaction decided: the events it yielded and the data it returned."""
    if not isinstance(outcome, Iterator):
        return [], outcome
    events: list[Event] = []
    while True:
        try:
            events.append(next(outcome))
        except StopIteration as end:
            return events, end.value


class Transaction:
    """One command's decide, append, project, react. Use `run` once, inside `atomic`."""

    def __init__(self, registry: Registry, context: Context) -> None:
        self.registry = registry
        self.context = context
        self.recorded: list[Envelope] = []

    def run(self, command: Command, handler: Callable[[], Any]) -> CommandResult:
        """Everything of the command but commit. Raises what the handler refuses with; then nothing is written."""
        context = self.context
        if context.idempotency_key is not None:
            first = idempotency.claim(command, context)
            if first is not None:
                return CommandResult(success=True, original_command=command, **_known(first))
        expected = self._enter(command)
        events, data = decided(handler())
        if events:
            self.record(self._stream(command, events), events, context.command_id, expected)
        version = self.recorded[-1].version if self.recorded else None
        data = msgspec.to_builtins(data)
        if context.idempotency_key is not None:
            kept = {"data": data, "version": version, "command_id": str(context.command_id)}
            idempotency.keep(kept, context)
        return CommandResult(
            success=True,
            original_command=command,
            data=data,
            version=version,
            command_id=context.command_id,
            events=tuple(self.recorded),
        )

    def _enter(self, command: Command) -> int | None:
        """Guards, then the session's row lock for commands that decide from its state. The version still to check."""
        for guard in self.registry.guards:
            guard(command, self.context)
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
        stream = command.session_id or events[0].session_id
        if stream is None:
            raise RegistrationError(f"The handler of {command.type} yielded an event without a session id.")
        if command.creates and not store.create(stream):
            raise AlreadyExists(f"Session {stream} already exists.")
        return stream

    def record(self, stream: UUID, events: Sequence[Event], cause: UUID, expected: int | None = None) -> None:
        """Append, project and let the reactions answer, until no reaction has anything more to say."""
        todo = deque(self._append(stream, events, cause, expected))
        while todo:
            event, envelope = todo.popleft()
            for reaction in self.registry.reactions.get(event.type, ()):
                answers = self._react(reaction, event, envelope)
                if answers:
                    todo.extend(self._append(stream, answers, envelope.id, None))

    def _append(
        self, stream: UUID, events: Sequence[Event], cause: UUID, expected: int | None
    ) -> list[tuple[Event, Envelope]]:
        if len(self.recorded) + len(events) > MAX_EVENTS:
            raise TooManyReactions
        events = [self._checked(event, stream) for event in events]
        statements = store.fused(events, self.registry)
        origin = store.Origin(self.context, len(self.recorded), cause, observe.traceparent())
        envelopes = store.append(stream, events, origin, statements=statements, expected=expected)
        self.recorded += envelopes
        pairs = list(zip(events, envelopes, strict=True))
        if not statements:
            for event, envelope in pairs:
                project(self.registry, event, envelope)
        return pairs

    def _checked(self, event: Event, stream: UUID) -> Event:
        if self.registry.events.get(event.type) is not type(event):
            raise RegistrationError(f"The event {event.type!r} is not registered; decorate a function with it.")
        if event.session_id is None:
            return changed(event, session_id=stream)
        if event.session_id != stream:
            raise RegistrationError(f"{event.type} names session {event.session_id} in a command for {stream}.")
        return event

    def _react(self, reaction: Reaction, event: Event, envelope: Envelope) -> list[Event]:
        """The reaction's events. A failing one is rolled back to its savepoint and recorded, unless required."""
        if reaction.required:
            return decided(reaction.function(event, envelope))[0]
        try:
            with transaction.atomic():
                return decided(reaction.function(event, envelope))[0]
        except Exception as error:  # the plugin's own failure must not undo the command
            logger.exception("reaction %s failed on %s", reaction.name, event.type)
            observe.reaction_failed(reaction.name)
            return [ErrorOccurred(source=reaction.name, error=repr(error)[:2000], command_id=self.context.command_id)]


def project(registry: Registry, event: Event, envelope: Envelope) -> None:
    """Bring the rows up to one recorded event."""
    for projection in registry.chain(event.type):
        if isinstance(projection, SqlProjection):
            where = "stream = %s AND version = %s"
            store.project(projection.statements, where, [envelope.session_id, envelope.version])
        else:
            projection(event, envelope)


def _known(first: dict[str, Any]) -> dict[str, Any]:
    return {"data": first["data"], "version": first["version"], "command_id": UUID(first["command_id"])}


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
    with transaction.atomic():
        if before is not None:
            before()
        unit = Transaction(registry, context)
        result = unit.run(command, handler)
        if after is not None:
            after(result)
        if unit.recorded:
            # a closure, not functools.partial: Django 5.2 asks the function for its name when it fails
            transaction.on_commit(lambda: announce(unit.recorded), robust=True)
    return result


def retryable(error: BaseException) -> bool:
    """Whether PostgreSQL rolled the whole transaction back for a reason that another try can cure: a deadlock, or
    somebody else's commit between our look and our write (what we refer to is gone, what we make is there), which the
    handler will see the next time and refuse properly."""
    state = getattr(error.__cause__, "sqlstate", None)
    return state in ("40001", "40P01", "23503", "23505") and not connection.in_atomic_block
