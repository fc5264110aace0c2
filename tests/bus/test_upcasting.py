"""Old events, new shapes: what was stored under an older schema is read as the present one."""

from typing import Any, ClassVar

import pytest

from bus.log import store
from bus.messages import Event
from bus.registry import Registry, upcast
from tests.bus.support import Toy


class Noted(Event):
    """The toy's event after two changes: `text` became `words`, then got a language."""

    schema: ClassVar[int] = 3

    words: str
    language: str

    @staticmethod
    def upcast_v1_v2(values: dict[str, Any]) -> dict[str, Any]:
        """`text` was renamed."""
        return {"words": values["text"]}

    @staticmethod
    def upcast_v2_v3(values: dict[str, Any]) -> dict[str, Any]:
        """A language was added."""
        return {**values, "language": "en"}


@pytest.fixture
def present() -> Registry:
    """The registry of the program after the change."""
    made = Registry()
    made.register_event(Noted)
    return made


def test_a_stored_event_of_an_old_schema_is_read_as_the_present_one(toy: Toy, present: Registry) -> None:
    toy.note("hello")
    (_, envelope) = store.read(present, toy.id)
    assert (envelope.schema, envelope.fields()) == (3, {"words": "hello", "language": "en"})
    assert present.open(envelope) == Noted(session_id=toy.id, words="hello", language="en")


def test_the_row_itself_is_never_changed(toy: Toy, present: Registry) -> None:
    toy.note("hello")
    store.read(present, toy.id)
    envelope = toy.events()[-1]
    assert (envelope.schema, envelope.fields()) == (1, {"text": "hello"})


def test_an_envelope_of_an_old_schema_is_opened_as_the_present_one(toy: Toy, present: Registry) -> None:
    (envelope,) = toy.note("hello").events
    assert present.open(envelope) == Noted(session_id=toy.id, words="hello", language="en")


def test_upcasts_run_from_the_stored_schema_on() -> None:
    assert upcast(Noted, 1, {"text": "a"}) == {"words": "a", "language": "en"}
    assert upcast(Noted, 2, {"words": "a"}) == {"words": "a", "language": "en"}
    assert upcast(Noted, 3, {"words": "a", "language": "fr"}) == {"words": "a", "language": "fr"}


def test_an_event_type_nobody_knows_any_more_is_still_readable(toy: Toy) -> None:
    toy.note("hello")
    assert [envelope.type for envelope in store.read(Registry(), toy.id)] == ["opened", "noted"]
