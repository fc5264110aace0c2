"""SessionManager and EventHandler of document 001: thin faces on the bus."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from uuid import UUID

from bus import topics
from bus.bus import bus
from bus.database import in_thread
from bus.exceptions import NotFound
from bus.messages import SYSTEM, Actor, Context, Envelope, Event, changed
from sessions_app import commands
from sessions_app.state import EventSourcedSession


class EventHandler(ABC):
    """A plugin that is told of a session's events after they were recorded, and may answer with further ones."""

    @property
    @abstractmethod
    def handler_name(self) -> str:
        """Names the plugin: the key of its state in the session's metadata and of its notes on events."""

    @property
    @abstractmethod
    def handled_event_types(self) -> list[str]:
        """Event types or topic patterns."""

    @abstractmethod
    async def handle_event(self, event: Envelope, session: EventSourcedSession) -> Event | None:
        """Called once per event. A returned event is recorded; return a PluginStateChanged to keep state in the
        session's metadata, or with `about_version` to enrich an event."""


class SessionManager:
    """Lifecycle, event processing and state of sessions, for Python callers. All state is in the log."""

    def __init__(self, actor: Actor = SYSTEM) -> None:
        self._actor = actor
        self._handlers: list[tuple[EventHandler, Callable[[str], bool]]] = []

    def add_event_handler(self, handler: EventHandler) -> None:
        """From now on, tell the handler of events recorded through this manager."""
        self._handlers.append((handler, topics.matcher(handler.handled_event_types)))

    async def create_session(self, session_id: UUID | str | None = None) -> UUID:
        """Create a session (with this id); its id."""
        wanted = UUID(str(session_id)) if session_id is not None else None
        result = await bus.aexecute(commands.CreateSession(session_id=wanted), self._context())
        await self._tell(result.events)
        return UUID(str(result.data["id"]))

    async def record_interaction(self, session_id: UUID | str, query: str, response: str) -> bool:
        """Record a question and its answer; False for an unknown session."""
        try:
            wanted = UUID(str(session_id))
            command = commands.RecordInteraction(session_id=wanted, query=query, response=response)
            result = await bus.aexecute(command, self._context())
        except (NotFound, ValueError):
            return False
        await self._tell(result.events)
        return True

    async def get_session(self, session_id: UUID | str, *, at_version: int | None = None) -> EventSourcedSession:
        """The session rebuilt from its log, with this manager's handlers. Raises NotFound."""
        wanted = UUID(str(session_id))
        session = await in_thread(lambda: EventSourcedSession.load(wanted, at_version=at_version))
        if not session.events:
            raise NotFound(f"Session not found with ID: {wanted}")
        for handler, _ in self._handlers:
            for event_type in handler.handled_event_types:
                session = session.add_event_handler(event_type, handler)
        return session

    def _context(self) -> Context:
        return Context(actor=self._actor)

    async def _tell(self, recorded: tuple[Envelope, ...]) -> None:
        """Handlers hear of what was recorded; what they answer is recorded too, but not told to them again."""
        for envelope in recorded:
            for handler, wants in self._handlers:
                if wants(envelope.type):
                    session = await self.get_session(envelope.stream, at_version=envelope.version)
                    answer = await handler.handle_event(envelope, session)
                    if answer is not None:
                        answer = answer if answer.session_id else changed(answer, session_id=envelope.stream)
                        await bus.publish(answer, Actor("plugin", handler.handler_name))
