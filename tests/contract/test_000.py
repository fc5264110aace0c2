"""Document 000: the message bus and its scopes. Each test quotes the line of the contract it is about."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from bus import observe
from bus.bus import MessageBus, bus
from bus.exceptions import NoHandler, RegistrationError, ScopeEnded
from bus.messages import Command, CommandResult, Event, SessionEndEvent
from sessions_app import commands, events


class MyEvent(Event):
    """The document's event."""

    message: str


class MyCommand(Command):
    """The document's command."""

    data: str


def test_the_documents_usage_example() -> None:
    """The usage example of document 000, `main()`."""
    printed: list[str] = []

    def handle_my_event(event: MyEvent) -> None:
        printed.append(f"Handling event: {event.message}")

    def handle_my_command(command: MyCommand) -> CommandResult:
        printed.append(f"Executing command: {command.data}")
        return CommandResult(success=True, original_command=command)

    async def main() -> None:
        local = MessageBus()
        ended: list[SessionEndEvent] = []
        local.on(SessionEndEvent, ended.append)
        with local.create_session() as session:
            session.register_event_handler(MyEvent, handle_my_event)
            session.register_command_handler(MyCommand, handle_my_command)
            result = await session.execute_with_session(MyCommand(data="Hello from command"))
            assert result.success
            assert result.original_command == MyCommand(data="Hello from command", session_id=session.session_id)
            await local.publish(MyEvent(message="Hello from event", session_id=session.session_id))
        assert [event.session_id for event in ended] == [session.session_id]
        await local.publish(MyEvent(message="after the end", session_id=session.session_id))

    asyncio.run(main())
    assert printed == ["Executing command: Hello from command", "Handling event: Hello from event"]


def test_components_never_know_each_other() -> None:
    """A central `MessageBus`; components never know each other."""

    async def main() -> list[str]:
        local, heard = MessageBus(), list[str]()
        local.on(MyEvent, lambda event: heard.append(event.message))
        local.registry.handles(MyCommand)(lambda command, context: iter([MyEvent(message=command.data)]))
        await local.aexecute(MyCommand(data="hello"))
        return heard

    assert asyncio.run(main()) == ["hello"]


def test_a_command_has_exactly_one_handler() -> None:
    """A command has **exactly one** handler (none: a clear error; two: refused at registration)."""
    local = MessageBus()
    with pytest.raises(NoHandler, match="No handler is registered for the command 'my'"):
        local.execute(MyCommand(data="x"))

    @local.registry.handles(MyCommand)
    def first(command: MyCommand, context: object) -> str:
        return command.data

    with pytest.raises(RegistrationError, match="already has the handler first"):
        local.registry.handles(MyCommand)(first)
    assert local.execute(MyCommand(data="x")).data == "x"
    with local.create_session() as scope:
        scope.register_command_handler(MyCommand, lambda command: None)
        with pytest.raises(RegistrationError):
            scope.register_command_handler(MyCommand, lambda command: None)


def test_an_event_has_any_number_of_listeners_sync_and_async() -> None:
    """An event has any number of listeners; sync functions and `async def` are both accepted as handlers."""
    heard: list[str] = []

    async def later(event: MyEvent) -> None:
        await asyncio.sleep(0)
        heard.append(f"async {event.message}")

    async def main() -> None:
        local = MessageBus()
        await local.publish(MyEvent(message="to nobody"))
        local.on(MyEvent, lambda event: heard.append(f"sync {event.message}"))
        local.on(MyEvent, later)
        local.on(Event, lambda event: heard.append("any event"))
        await local.publish(MyEvent(message="hello"))

    asyncio.run(main())
    assert sorted(heard) == ["any event", "async hello", "sync hello"]


@pytest.mark.parametrize("outside", [False, True])
def test_command_handlers_may_be_async(outside: bool) -> None:
    """… sync functions and `async def` are both accepted as handlers."""
    local = MessageBus()

    @local.registry.handles(MyCommand)
    async def handle(command: MyCommand, context: object) -> str:
        await asyncio.sleep(0)
        return command.data

    command = MyCommand(data="hello")
    result = local.execute(command) if outside else asyncio.run(local.aexecute(command))
    assert (result.success, result.data) == (True, "hello")


def test_a_failing_listener_harms_nobody_else() -> None:
    """Event bus: an event has any number of listeners."""
    heard: list[str] = []

    async def main() -> None:
        local = MessageBus()
        local.on(MyEvent, lambda event: 1 / 0)
        local.on(MyEvent, lambda event: heard.append(event.message))
        await local.publish(MyEvent(message="hello"))

    asyncio.run(main())
    assert heard == ["hello"]


def test_commands_and_handlers_are_counted_and_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observability: every command, event and handler is traced and counted.

    Commands and events carry a session id; everything in one scope is traced together."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(observe, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(observe, "_spans", True)
    labels = {"type": "my", "outcome": "ok"}
    before = REGISTRY.get_sample_value("parley_commands_total", labels) or 0

    async def main() -> None:
        async with MessageBus().create_session() as scope:
            scope.register_command_handler(MyCommand, lambda command: None)
            await scope.execute_with_session(MyCommand(data="x"))

    asyncio.run(main())
    assert (REGISTRY.get_sample_value("parley_commands_total", labels) or 0) == before + 1
    inner, outer = exporter.get_finished_spans()
    assert (inner.name, outer.name) == ("command my", "scope")
    assert inner.parent is not None
    assert inner.parent == outer.context
    provider.shutdown()


def test_a_scope_also_ends_on_an_exception() -> None:
    """Leaving the scope unregisters all its handlers and publishes `SessionEndEvent`; afterwards they are inactive.
    Also on an exception. (`with`)"""
    local, ended = MessageBus(), list[SessionEndEvent]()
    local.on(SessionEndEvent, ended.append)
    scope = local.create_session()
    scope.register_command_handler(MyCommand, lambda command: "answered")
    with pytest.raises(RuntimeError, match="inside"), scope:
        raise RuntimeError("inside")
    assert [event.session_id for event in ended] == [scope.session_id]
    with pytest.raises(NoHandler):
        local.execute(MyCommand(data="x", session_id=scope.session_id))
    with pytest.raises(ScopeEnded):
        scope.register_event_handler(MyEvent, print)
    with pytest.raises(ScopeEnded):
        asyncio.run(scope.execute_with_session(MyCommand(data="x")))


def test_an_async_scope_ends_on_an_exception_too() -> None:
    """Leaving the scope … Also on an exception. (`async with`)"""
    ended: list[str] = []

    async def hear(event: SessionEndEvent) -> None:
        ended.append(event.type)

    async def main() -> None:
        local = MessageBus()
        local.on(SessionEndEvent, hear)
        async with local.create_session():
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        asyncio.run(main())
    assert ended == ["session-end"]


def test_a_refusal_in_a_scope_is_a_result_and_not_an_exception() -> None:
    """`await scope.execute_with_session(command)` → `CommandResult(success, original_command, …)`."""

    def refuse(command: MyCommand) -> None:
        raise ValueError("not today")

    async def main() -> CommandResult:
        async with MessageBus().create_session() as scope:
            scope.register_command_handler(MyCommand, refuse)
            return await scope.execute_with_session(MyCommand(data="x"))

    result = asyncio.run(main())
    assert (result.success, result.error) == (False, "not today")


def test_scopes_are_isolated_from_each_other() -> None:
    """Scopes are isolated from each other."""

    async def main() -> tuple[list[Any], list[Any]]:
        local = MessageBus()
        async with local.create_session() as one, local.create_session() as two:
            heard: tuple[list[Any], list[Any]] = ([], [])
            for scope, box in zip((one, two), heard, strict=True):
                scope.register_event_handler(MyEvent, box.append)
                scope.register_command_handler(MyCommand, box.append)
            await one.execute_with_session(MyCommand(data="command to one"))
            await local.publish(MyEvent(message="event to two", session_id=two.session_id))
            await local.publish(MyEvent(message="event to nobody"))
            return heard

    (command,), (event,) = asyncio.run(main())
    assert (command.data, event.message) == ("command to one", "event to two")


@pytest.mark.django_db(transaction=True)
def test_a_scope_on_the_applications_bus_hears_its_sessions_events() -> None:
    """Commands and events carry a session id; everything in one scope is traced together."""
    session = bus.execute(commands.CreateSession()).data["id"]
    heard: list[str] = []

    async def main() -> CommandResult:
        async with bus.create_session(UUID(session)) as scope:
            scope.register_event_handler(events.MessageAdded, lambda event: heard.append(event.content[0].text))
            return await scope.execute_with_session(
                commands.AddMessage(session_id=scope.session_id, content="hello there")
            )

    result = asyncio.run(main())
    assert (result.success, result.version, heard) == (True, 2, ["hello there"])
