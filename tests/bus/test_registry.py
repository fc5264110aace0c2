"""The table of who handles, projects, reacts and subscribes."""

from collections.abc import Iterator
from typing import Any

import pytest

from bus.bus import MessageBus
from bus.exceptions import Invalid, NoHandler, RegistrationError
from bus.map import as_markdown
from bus.messages import Command, Context, Envelope, Event, MessageMeta, SessionCommand, uuid7
from bus.registry import Registry, SqlProjection
from tests.bus.support import Note, Noted, Opened, Toy, toy_registry


class Unhandled(Command):
    """Nobody handles this."""


def handler(command: Any, context: Context) -> None:
    """Does nothing."""


def test_a_second_handler_of_a_command_is_refused_when_it_is_registered() -> None:
    registry = Registry()
    registry.handles(Unhandled)(handler)
    with pytest.raises(RegistrationError, match="unhandled already has the handler handler"):
        registry.handles(Unhandled)(handler)


def test_two_command_classes_of_one_name_are_refused() -> None:
    registry = Registry()
    registry.handles(Unhandled)(handler)
    other: Any = MessageMeta("Unhandled", (Command,), {"__module__": __name__})
    with pytest.raises(RegistrationError, match="Two command classes are called 'unhandled'"):
        registry.handles(other)(handler)


def test_two_event_classes_of_one_name_are_refused_and_the_same_one_twice_is_fine() -> None:
    registry = toy_registry()
    registry.register_event(Noted)
    other: Any = MessageMeta("Noted", (Event,), {"__module__": __name__})
    with pytest.raises(RegistrationError, match="Two event classes are called 'noted'"):
        registry.register_event(other)


def test_a_command_without_a_handler_is_a_clear_error() -> None:
    with pytest.raises(NoHandler, match="No handler is registered for the command 'unhandled'"):
        MessageBus().execute(Unhandled())


def test_an_unknown_command_name_is_a_clear_error() -> None:
    with pytest.raises(NoHandler, match="There is no command 'no-such-thing'"):
        toy_registry().command("no-such-thing", {})


def test_a_command_is_made_from_its_name_and_plain_values() -> None:
    ident = uuid7()
    assert toy_registry().command("note", {"session_id": str(ident), "text": "x"}) == Note(session_id=ident, text="x")


def test_wrong_values_are_refused_with_pointers() -> None:
    with pytest.raises(Invalid) as caught:
        toy_registry().command("note", {"session_id": str(uuid7()), "text": 5})
    assert caught.value.extra["errors"] == [{"pointer": "/text", "detail": "Expected `str`, got `int`"}]


class Stray(Event):
    """Registered nowhere."""


class Lose(SessionCommand):
    """Yields an event nobody registered."""


def test_an_event_that_is_not_registered_is_refused_and_nothing_is_written(toy: Toy) -> None:
    @toy.registry.handles(Lose)
    def lose(command: Lose, context: Context) -> Iterator[Event]:
        yield Noted(text="before")
        yield Stray()

    with pytest.raises(RegistrationError, match="'stray' is not registered"):
        toy.bus.execute(Lose(session_id=toy.id))
    assert toy.texts() == []


def test_an_event_that_names_another_session_is_refused(toy: Toy) -> None:
    @toy.registry.handles(Lose)
    def lose(command: Lose, context: Context) -> Iterator[Event]:
        yield Noted(text="astray", session_id=uuid7())

    with pytest.raises(RegistrationError, match="names session"):
        toy.bus.execute(Lose(session_id=toy.id))
    assert toy.texts() == []


def test_two_subscribers_of_one_name_are_refused() -> None:
    registry = Registry()

    def subscriber(envelope: Envelope) -> None:
        """Does nothing."""

    registry.subscribes_to("*", name="mine")(subscriber)
    with pytest.raises(RegistrationError, match="already a subscriber called 'mine'"):
        registry.subscribes_to("*", name="mine")(subscriber)


def test_projections_run_in_the_order_of_their_registration() -> None:
    registry = toy_registry()
    registry.projects(Noted, sql=("SELECT 1",))
    registry.projects(Noted)(handler)
    assert list(registry.chain("noted")) == [SqlProjection(("SELECT 1",)), handler]
    assert list(registry.chain("opened")) == []


def test_projecting_or_reacting_makes_an_event_storable() -> None:
    registry = Registry()
    registry.projects(Opened)(handler)
    registry.reacts_to(Noted)(handler)
    assert {"opened", "noted", "error-occurred"} == set(registry.events)


def test_the_map_names_everything_that_is_registered() -> None:
    registry = toy_registry()
    registry.reacts_to(Noted)(handler)
    registry.subscribes_to("noted", name="a-subscriber")(handler)
    page = as_markdown(registry)
    for name in ("`note`", "`noted`", f"`{__name__}.handler`", "`a-subscriber`", "`error-occurred`"):
        assert name in page
