"""The vocabulary: names, strictness, actors, envelopes."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from bus import messages
from bus.messages import Actor, Command, Envelope, Event, Notice, SessionCommand, changed, kebab, uuid7


class AddMessage(SessionCommand):
    """A command."""

    text: str
    times: int = 1


class HTTPRequestSent(Event):
    """An event with an abbreviation in its name."""


class TypingNotice(Notice):
    """A notice."""


class MyCommand(Command):
    """Named as in document 000."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AddMessage", "add-message"),
        ("ContextWindowCritical", "context-window-critical"),
        ("HTTPRequestSent", "http-request-sent"),
        ("MyCommand", "my"),
        ("SessionCreatedEvent", "session-created"),
        ("TypingNotice", "typing"),
        ("Run2Started", "run2-started"),
        ("Event", "event"),
    ],
)
def test_a_class_name_becomes_a_kebab_case_type(name: str, expected: str) -> None:
    assert kebab(name) == expected


def test_every_message_class_is_named_after_itself() -> None:
    assert (AddMessage.type, HTTPRequestSent.type, TypingNotice.type, MyCommand.type) == (
        "add-message",
        "http-request-sent",
        "typing",
        "my",
    )


def test_a_class_may_choose_its_own_type() -> None:
    assert messages.SessionEndEvent.type == "session-end"
    assert messages.TraceEvent.type == "trace-event"


def test_messages_are_frozen_keyword_only_and_strict() -> None:
    command: Any = AddMessage(session_id=uuid7(), text="hello")
    with pytest.raises(AttributeError):
        command.text = "other"
    positional: Any = AddMessage
    with pytest.raises(TypeError):
        positional("hello")
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"session_id": str(uuid7()), "text": "x", "more": 1}, AddMessage)


def test_a_session_command_must_name_its_session() -> None:
    with pytest.raises(msgspec.ValidationError, match="session_id"):
        msgspec.convert({"text": "x"}, AddMessage)


def test_messages_are_equal_when_their_fields_are_and_show_them() -> None:
    ident = uuid7()
    assert AddMessage(session_id=ident, text="x") == AddMessage(session_id=ident, text="x")
    assert AddMessage(session_id=ident, text="x") != AddMessage(session_id=ident, text="y")
    assert repr(AddMessage(session_id=ident, text="x")) == f"AddMessage(session_id={ident!r}, text='x', times=1)"


def test_changed_makes_a_copy_and_leaves_the_original() -> None:
    first = AddMessage(session_id=uuid7(), text="one")
    second = changed(first, text="two")
    assert (first.text, second.text, second.session_id) == ("one", "two", first.session_id)


@pytest.mark.parametrize("actor", [Actor("system"), Actor("user", "7"), Actor("plugin", "a:b"), Actor("staff", "1")])
def test_an_actor_survives_being_written_and_parsed(actor: Actor) -> None:
    assert Actor.parse(str(actor)) == actor


def envelope(session_id: UUID | None) -> Envelope:
    return Envelope(
        id=uuid7(),
        type="noted",
        schema=1,
        session_id=session_id,
        version=1,
        position=1,
        recorded_at=datetime.now(UTC),
        actor=messages.SYSTEM,
        causation_id=None,
        correlation_id="",
        data=msgspec.Raw(b'{"text":"x"}'),
    )


def test_an_envelope_opens_its_payload_only_when_asked() -> None:
    ident = uuid7()
    made = envelope(ident)
    assert made.stream == ident
    assert made.fields() == {"text": "x"}
    assert b'"data":{"text":"x"}' in msgspec.json.encode(made)


def test_an_envelope_that_was_not_stored_has_no_stream() -> None:
    with pytest.raises(ValueError, match="was not stored"):
        _ = envelope(None).stream


def test_ids_of_one_process_sort_by_the_time_they_were_made() -> None:
    made = [uuid7() for _ in range(100)]
    assert made == sorted(made)
    assert isinstance(made[0], UUID)
