"""One command, one transaction: what is recorded, in which order, and what a refusal leaves behind: nothing."""

from typing import Any

import pytest

from bus.exceptions import AlreadyExists, NotFound, StreamNotFound, VersionConflict
from bus.live.signals import events_recorded
from bus.log import store
from bus.messages import Actor, Context, changed, uuid7
from bus.models import StoredEvent, Stream
from tests.bus.support import Append, Fail, Note, Noted, Open, Toy, in_threads, stored


@pytest.fixture
def signalled(toy: Toy) -> Any:
    """The envelopes of every signal sent while the test runs."""
    heard: list[Any] = []

    def listen(*, envelopes: list[Any], **_: object) -> None:
        heard.append(envelopes)

    events_recorded.connect(listen)
    yield heard
    events_recorded.disconnect(listen)


def test_versions_count_from_one_without_gaps_and_positions_grow(toy: Toy) -> None:
    toy.note("a")
    result = toy.note("b", times=3)
    events = toy.events()
    assert [event.version for event in events] == [1, 2, 3, 4, 5]
    positions = [event.position for event in events]
    assert positions == sorted(set(positions))
    assert result.version == 5
    assert [event.version for event in result.events] == [3, 4, 5]
    assert Stream.objects.get(id=toy.id).version == 5


def test_an_event_carries_who_why_and_when(toy: Toy) -> None:
    ident = uuid7()
    result = toy.note("a", actor=Actor("user", "7"), correlation_id="request-1", command_id=ident)
    (event,) = result.events
    assert (event.type, event.schema, event.session_id) == ("noted", 1, toy.id)
    assert (event.actor, event.correlation_id) == (Actor("user", "7"), "request-1")
    assert event.causation_id == ident == result.command_id
    assert event.recorded_at.utcoffset() is not None
    (read,) = store.read(toy.registry, toy.id, after=1)
    assert changed(read, data=event.data) == event
    assert read.fields() == event.fields()
    assert toy.registry.open(event) == Noted(session_id=toy.id, text="a")


def test_what_the_handler_returns_is_the_results_data(toy: Toy) -> None:
    result = toy.note("a")
    assert (result.success, result.data, result.error) == (True, {"text": "a"}, None)


def test_a_command_that_records_nothing_has_no_version(toy: Toy) -> None:
    result = toy.note(times=0)
    assert (result.version, result.events) == (None, ())


def test_a_stream_is_read_in_pages_and_between_versions(toy: Toy) -> None:
    toy.note("a", times=9)
    assert [event.version for event in store.read(toy.registry, toy.id, after=3, until=6)] == [4, 5, 6]
    assert [event.version for event in store.read(toy.registry, toy.id, limit=2)] == [1, 2]
    assert [event.version for event in store.read_all(toy.registry, toy.id, after=8)] == [9, 10]
    assert store.read(toy.registry, uuid7()) == []


def test_a_handler_that_raises_leaves_no_event_no_version_and_no_signal(toy: Toy, signalled: list[Any]) -> None:
    before = stored()
    with pytest.raises(RuntimeError, match="on purpose"):
        toy.bus.execute(Fail(session_id=toy.id))
    assert (stored(), store.version(toy.id), signalled) == (before, 1, [])


def test_one_commit_sends_one_signal_with_its_events_in_order(toy: Toy, signalled: list[Any]) -> None:
    toy.note("a", times=3)
    assert [[event.version for event in envelopes] for envelopes in signalled] == [[2, 3, 4]]


@pytest.mark.parametrize("kind", [Note, Append])
def test_an_unknown_stream_is_refused(toy: Toy, kind: type[Any]) -> None:
    before = stored()
    with pytest.raises(StreamNotFound):
        toy.bus.execute(kind(session_id=uuid7(), text="x"))
    assert stored() == before
    assert issubclass(StreamNotFound, NotFound)


def test_a_stream_is_begun_once(toy: Toy) -> None:
    with pytest.raises(AlreadyExists):
        toy.bus.execute(Open(session_id=toy.id))
    ident = uuid7()
    results = in_threads(*[lambda: toy.bus.execute(Open(session_id=ident))] * 5)
    assert sorted(type(result).__name__ for result in results) == ["AlreadyExists"] * 4 + ["CommandResult"]
    assert [event.type for event in toy.events(ident)] == ["opened"]


@pytest.mark.parametrize("kind", [Note, Append])
def test_the_expected_version_is_checked(toy: Toy, kind: type[Any]) -> None:
    result = toy.bus.execute(kind(session_id=toy.id, text="right"), Context(expected_version=1))
    assert result.version == 2
    for expected in (0, 1, 3):
        with pytest.raises(VersionConflict) as caught:
            toy.bus.execute(kind(session_id=toy.id, text="wrong"), Context(expected_version=expected))
        problem = caught.value.as_problem()
        assert (problem["status"], problem["current_version"], problem["expected_version"]) == (409, 2, expected)
    assert toy.texts() == ["right"]


@pytest.mark.parametrize("kind", [Note, Append])
def test_of_two_who_expect_the_same_version_exactly_one_wins(toy: Toy, kind: type[Any]) -> None:
    for round_ in range(5):
        expected = 1 + round_

        def call(text: str, expected: int = expected) -> Any:
            return toy.bus.execute(kind(session_id=toy.id, text=text), Context(expected_version=expected))

        results = in_threads(lambda: call("one"), lambda: call("two"))
        (lost,) = [result for result in results if isinstance(result, VersionConflict)]
        assert lost.extra["current_version"] == expected + 1
        assert len(toy.events()) == expected + 1


@pytest.mark.parametrize("kind", [Note, Append])
def test_eight_threads_of_fifty_messages_leave_one_gapless_line(toy: Toy, kind: type[Any]) -> None:
    def write(number: int) -> None:
        for turn in range(50):
            toy.bus.execute(kind(session_id=toy.id, text=f"{number}:{turn}"))

    assert in_threads(*(lambda number=number: write(number) for number in range(8))) == [None] * 8
    events = toy.events()
    assert [event.version for event in events] == list(range(1, 402))
    assert [event.position for event in events] == sorted(event.position for event in events)
    for number in range(8):
        mine = [text for text in toy.texts() if text.startswith(f"{number}:")]
        assert mine == [f"{number}:{turn}" for turn in range(50)]


def test_positions_follow_versions_within_every_stream(toy: Toy) -> None:
    streams = [toy.id, toy.open(), toy.open()]

    def write(start: int) -> None:
        for turn in range(20):
            toy.note(stream=streams[(start + turn) % 3], times=2)

    assert in_threads(*(lambda start=start: write(start) for start in range(4))) == [None] * 4
    for stream in streams:
        rows = StoredEvent.objects.filter(stream=stream).order_by("position").values_list("version", flat=True)
        assert list(rows) == list(range(1, len(rows) + 1))
    assert sum(len(toy.events(stream)) for stream in streams) == 4 * 20 * 2 + 3
