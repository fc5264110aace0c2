"""In-transaction reactions: they may answer with further events, and may not break the command they follow."""

from collections.abc import Iterator
from typing import Any

import pytest

from bus.exceptions import TooManyReactions
from bus.log import store, transaction
from bus.messages import Envelope, ErrorOccurred, Event, uuid7
from bus.models import Stream
from tests.bus.support import Echoed, Noted, Toy, stored


def test_a_reaction_adds_events_to_the_same_transaction(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def echo(event: Noted, envelope: Envelope) -> Iterator[Event]:
        yield Echoed(text=event.text.upper())

    result = toy.note("hello", times=2)
    assert [event.type for event in result.events] == ["noted", "noted", "echoed", "echoed"]
    assert [event.version for event in result.events] == [2, 3, 4, 5]
    assert result.version == 5
    assert [event.fields()["text"] for event in result.events[2:]] == ["HELLO", "HELLO"]


def test_a_reactions_event_is_caused_by_the_event_it_answers(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def echo(event: Noted, envelope: Envelope) -> Iterator[Event]:
        yield Echoed(text=event.text)

    result = toy.note("hello", correlation_id="c")
    noted, echoed = result.events
    assert (noted.causation_id, echoed.causation_id) == (result.command_id, noted.id)
    assert echoed.correlation_id == "c"


def test_reactions_to_reactions_follow(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def first(event: Noted, envelope: Envelope) -> Iterator[Event]:
        yield Echoed(text=event.text + "!")

    @toy.registry.reacts_to(Echoed)
    def second(event: Echoed, envelope: Envelope) -> Iterator[Event]:
        if len(event.text) < 5:
            yield Echoed(text=event.text + "!")

    result = toy.note("a")
    assert [event.fields()["text"] for event in result.events] == ["a", "a!", "a!!", "a!!!", "a!!!!"]


def test_a_reaction_that_raises_is_recorded_and_does_not_break_the_command(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def broken(event: Noted, envelope: Envelope) -> Iterator[Event]:
        Stream.objects.create(id=uuid7(), version=99)
        yield Echoed(text="rolled back")
        raise RuntimeError("the plugin is broken")

    result = toy.note("hello")
    assert [event.type for event in toy.events()] == ["opened", "noted", "error-occurred"]
    error = toy.registry.open(toy.events()[-1])
    assert isinstance(error, ErrorOccurred)
    assert error.source.endswith("broken")
    assert "the plugin is broken" in error.error
    assert error.command_id == result.command_id
    assert not Stream.objects.filter(version=99).exists()


def test_a_reaction_that_breaks_the_database_statement_does_not_break_the_command(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def broken(event: Noted, envelope: Envelope) -> None:
        Stream.objects.create(id=envelope.stream)  # there is one already

    toy.note("hello")
    assert [event.type for event in toy.events()] == ["opened", "noted", "error-occurred"]


def test_an_event_that_cannot_be_recorded_does_not_break_the_command(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted)
    def odd(event: Noted, envelope: Envelope) -> Iterator[Any]:
        yield Echoed(text="rolled back")
        yield None

    result = toy.note("hello")
    assert [event.type for event in result.events] == ["noted", "error-occurred"]
    assert [event.version for event in toy.events()] == [1, 2, 3]


def test_a_projection_that_raises_undoes_only_the_reaction(toy: Toy) -> None:
    @toy.registry.projects(Echoed)
    def broken(event: Echoed, envelope: Envelope) -> None:
        raise RuntimeError("the projection is broken")

    @toy.registry.reacts_to(Noted)
    def echo(event: Noted, envelope: Envelope) -> Iterator[Event]:
        yield Echoed(text=event.text)

    assert [event.type for event in toy.note("hello").events] == ["noted", "error-occurred"]


def test_instead_of_a_reaction_that_fails_another_function_is_called(toy: Toy) -> None:
    called: list[tuple[str, int]] = []

    def otherwise(event: Noted, envelope: Envelope) -> None:
        called.append((event.text, envelope.version))

    @toy.registry.reacts_to(Noted, otherwise=otherwise)
    def endless(event: Noted, envelope: Envelope) -> Iterator[Event]:
        while True:
            yield Echoed(text="again")

    assert [event.type for event in toy.note("hello").events] == ["noted"]
    assert called == [("hello", 2)]


def test_a_required_reaction_that_raises_aborts_everything(toy: Toy) -> None:
    @toy.registry.reacts_to(Noted, required=True)
    def needed(event: Noted, envelope: Envelope) -> None:
        raise RuntimeError("needed")

    before = stored()
    with pytest.raises(RuntimeError, match="needed"):
        toy.note("hello")
    assert (stored(), store.version(toy.id)) == (before, 1)


@pytest.mark.parametrize("required", [True, False])
def test_reactions_that_answer_each_other_for_ever_are_stopped(toy: Toy, required: bool) -> None:
    @toy.registry.reacts_to(Noted, required=required)
    def there(event: Noted, envelope: Envelope) -> Iterator[Event]:
        yield Echoed(text="back")

    @toy.registry.reacts_to(Echoed, required=required)
    def back(event: Echoed, envelope: Envelope) -> Iterator[Event]:
        yield Noted(text="and forth")

    before = stored()
    with pytest.raises(TooManyReactions):
        toy.note("hello")
    assert (stored(), store.version(toy.id)) == (before, 1)


def test_one_command_may_record_as_many_events_as_the_limit_and_no_more(toy: Toy) -> None:
    assert toy.note(times=transaction.MAX_EVENTS).version == 1 + transaction.MAX_EVENTS
    with pytest.raises(TooManyReactions):
        toy.note(times=transaction.MAX_EVENTS + 1)
    assert store.version(toy.id) == 1 + transaction.MAX_EVENTS
