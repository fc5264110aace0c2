"""A scope (document 000): handlers that live as long as a `with` block, grouped and traced under one session id."""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bus import observe
from bus.exceptions import ScopeEnded
from bus.listeners import Listener, Listeners
from bus.loop import submit
from bus.messages import Command, CommandResult, Event, SessionEndEvent, changed, uuid7

if TYPE_CHECKING:
    from bus.bus import MessageBus


class Scope:
    """What `bus.create_session()` returns; a sync and an async context manager.

    Handlers registered here see only commands and events carrying this scope's `session_id`."""

    def __init__(self, bus: "MessageBus", session_id: UUID | None = None) -> None:
        self.session_id = session_id or uuid7()
        self._bus = bus
        self._listeners = Listeners()
        self._active = True
        bus.scopes[self.session_id] = self._listeners

    def register_event_handler(self, event_type: type[Event], handler: Listener) -> None:
        """Call `handler(event)` (sync or async) for this scope's events of that type."""
        self._check()
        self._listeners.add(event_type, handler)

    def register_command_handler(self, command_type: type[Command], handler: Listener) -> None:
        """Let `handler(command)` (sync or async) answer this scope's commands of that type."""
        self._check()
        self._listeners.handle(command_type, handler)

    async def execute_with_session(self, command: Command) -> CommandResult:
        """Execute the command under this scope's session id; a refusal comes back as `success=False`."""
        self._check()
        with observe.span("scope", session=str(self.session_id)):
            return await self._bus.dispatch(changed(command, session_id=self.session_id))

    def _check(self) -> None:
        if not self._active:
            raise ScopeEnded

    def _end(self) -> SessionEndEvent:
        """Unregister everything; the event that says so goes to whoever still listens."""
        self._active = False
        self._bus.scopes.pop(self.session_id, None)
        return SessionEndEvent(session_id=self.session_id)

    def __enter__(self) -> "Scope":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiting: list[Any] = self._bus.deliver_here(self._end())
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for outcome in waiting:
                submit(outcome).result(timeout=10)
        else:  # a sync `with` inside a coroutine cannot wait; the loop finishes the async handlers
            for outcome in waiting:
                self._bus.keep(loop.create_task(outcome))

    async def __aenter__(self) -> "Scope":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bus.publish(self._end())
