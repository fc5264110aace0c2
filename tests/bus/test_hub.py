"""Feeds and the hub: however frames arrive, readers get versions 1, 2, 3 …; a slow reader harms only itself."""

import asyncio
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from bus.database import in_thread
from bus.exceptions import Invalid, SubscriberTooSlow
from bus.live import frames
from bus.live import hub as hubs
from bus.live.frames import Frame
from bus.live.outbox import Outbox
from bus.live.subscription import Subscription
from bus.log import store
from bus.messages import Delta, TraceEvent, uuid7
from tests.bus.support import Toy, on_a_loop, until


@pytest.fixture(autouse=True)
def no_poll(settings: Settings) -> None:
    """The poll would heal everything by itself within a second."""
    settings.BUS_POLL_INTERVAL = 3600


class Sink:
    """Keeps what it is given in an outbox."""

    def __init__(self, capacity: int = 1000) -> None:
        self.outbox: Outbox[Frame] = Outbox(capacity, 1 << 20)
        self.got: list[Frame] = []

    def put(self, frame: Frame) -> bool:
        self.got.append(frame)
        return self.outbox.put(frame, frame.size)

    async def room(self) -> None:
        await self.outbox.room()

    @property
    def crowded(self) -> bool:
        return self.outbox.crowded

    @property
    def versions(self) -> list[int]:
        """The versions of the events received."""
        return [frame.version for frame in self.got if frame.version]

    @property
    def texts(self) -> list[str]:
        """The texts of the deltas received."""
        return [frame.text for frame in self.got if frame.version == 0]


class Reader(Subscription):
    """A subscription, its sink, and what it was dropped with."""

    def __init__(self, stream: UUID, *, capacity: int = 1000, topics: tuple[str, ...] = ()) -> None:
        self.kept = Sink(capacity)
        self.reasons: list[Exception] = []
        super().__init__(stream, self.kept, topics=topics, on_drop=self.reasons.append)


async def attached(reader: Reader, after: int | None = None) -> Reader:
    """The reader, live."""
    await hubs.hub().attach(reader, after)
    await until(lambda: reader.live or reader.dropped, "the reader being live")
    return reader


def stored_frames(toy: Toy) -> list[Frame]:
    """The frames of what is in the log."""
    return [frames.of_event(envelope) for envelope in store.read_all(toy.registry, toy.id)]


def test_versions_that_arrive_in_the_wrong_order_are_delivered_in_the_right_one(toy: Toy) -> None:
    toy.note(times=4)

    async def main() -> None:
        reader = await attached(Reader(toy.id))
        feed = hubs.hub().feeds[toy.id]
        await in_thread(toy.note_silently, "six")
        await in_thread(toy.note_silently, "seven")
        six, seven = (await in_thread(stored_frames, toy))[5:]
        feed.take(seven)
        assert reader.kept.versions == []
        feed.take(six)
        assert reader.kept.versions == [6, 7]
        await until(lambda: feed.head == 7)
        feed.take(seven)
        feed.take(six)
        assert reader.kept.versions == [6, 7]

    on_a_loop(main)


def test_a_missing_frame_is_healed_from_the_log(toy: Toy) -> None:
    async def main() -> None:
        reader = await attached(Reader(toy.id))
        for text in ("two", "three", "four"):
            await in_thread(toy.note_silently, text)
        last = (await in_thread(stored_frames, toy))[-1]
        hubs.hub().feeds[toy.id].take(last)
        await until(lambda: len(reader.kept.versions) == 3, "the healing")
        assert reader.kept.versions == [2, 3, 4]

    on_a_loop(main)


def test_a_frame_without_a_body_is_read_from_the_log(toy: Toy) -> None:
    async def main() -> None:
        reader = await attached(Reader(toy.id))
        await in_thread(toy.note, "x" * (frames.MAX_BODY + 1))
        await until(lambda: reader.kept.versions, "the large event")
        assert reader.kept.got[0].decoded()["data"]["text"] == "x" * (frames.MAX_BODY + 1)

    on_a_loop(main)


def test_a_lost_hint_is_made_good_by_the_poll(toy: Toy, settings: Settings) -> None:
    settings.BUS_POLL_INTERVAL = 0.05

    async def main() -> None:
        reader = await attached(Reader(toy.id))
        await in_thread(toy.note_silently, "nobody was told")
        await until(lambda: reader.kept.versions == [2], "the poll")

    on_a_loop(main)


def test_a_reader_gets_what_it_missed_and_then_what_comes(toy: Toy) -> None:
    toy.note(times=9)

    async def main() -> None:
        reader = await attached(Reader(toy.id), after=3)
        assert reader.kept.versions == [4, 5, 6, 7, 8, 9, 10]
        await in_thread(toy.note, "next")
        await until(lambda: reader.kept.versions[-1] == 11, "the next event")
        assert reader.kept.versions == list(range(4, 12))

    on_a_loop(main)


def test_a_long_backlog_is_read_while_events_go_on_coming(toy: Toy) -> None:
    for _ in range(3):
        toy.note(times=150)

    async def main() -> None:
        reader = Reader(toy.id, capacity=10_000)
        await hubs.hub().attach(reader, 0)
        writing = asyncio.gather(*(in_thread(toy.note, str(number)) for number in range(20)))
        await until(lambda: len(reader.kept.versions) == 471, "all events")
        await writing
        assert reader.kept.versions == list(range(1, 472))

    on_a_loop(main)


@pytest.mark.parametrize("after", [2, 99, -1])
def test_a_reader_that_knows_more_than_the_log_is_refused(toy: Toy, after: int) -> None:
    async def main() -> None:
        with pytest.raises(Invalid) as caught:
            await hubs.hub().attach(Reader(toy.id), after)
        assert caught.value.extra["head"] == 1
        assert hubs.hub().feeds == {}

    on_a_loop(main)


def test_a_reader_that_knows_more_than_this_process_has_heard_is_not_refused(toy: Toy) -> None:
    """It was told its version by another process, before the hint came here."""

    async def main() -> None:
        first = await attached(Reader(toy.id))
        await in_thread(toy.note_silently, "two")
        second = await attached(Reader(toy.id), after=2)
        await in_thread(toy.note_silently, "three")
        hubs.hub().feeds[toy.id].take((await in_thread(stored_frames, toy))[-1])
        await until(lambda: second.kept.versions and len(first.kept.versions) == 2, "both readers")
        assert (first.kept.versions, second.kept.versions) == ([2, 3], [3])

    on_a_loop(main)


def test_a_slow_reader_is_dropped_and_the_others_go_on(toy: Toy) -> None:
    async def main() -> None:
        slow = await attached(Reader(toy.id, capacity=3))
        quick = await attached(Reader(toy.id))
        await in_thread(lambda: toy.note(times=10))
        await until(lambda: len(quick.kept.versions) == 10, "the quick reader")
        assert [type(reason) for reason in slow.reasons] == [SubscriberTooSlow]
        assert (slow.dropped, quick.dropped, len(slow.kept.outbox)) == (True, False, 3)
        await in_thread(toy.note)
        await until(lambda: len(quick.kept.versions) == 11, "the next event")

    on_a_loop(main)


def test_only_the_wanted_topics_are_delivered(toy: Toy) -> None:
    async def main() -> None:
        reader = await attached(Reader(toy.id, topics=("open*",)), after=0)
        other = await attached(Reader(toy.id, topics=("noted",)), after=0)
        await in_thread(toy.note)
        await until(lambda: other.kept.versions, "the note")
        assert (reader.kept.versions, other.kept.versions) == ([1], [2])

    on_a_loop(main)


def test_the_last_reader_to_leave_closes_the_feed(toy: Toy) -> None:
    async def main() -> None:
        hub = hubs.hub()
        one, two = await attached(Reader(toy.id)), await attached(Reader(toy.id))
        hub.detach(one)
        hub.detach(one)
        assert toy.id in hub.feeds
        hub.detach(two)
        assert hub.feeds == {}
        await until(lambda: not hub.line.joined, "the group being left")
        again = await attached(Reader(toy.id), after=0)
        assert again.kept.versions == [1]

    on_a_loop(main)


def test_deltas_reach_readers_in_order_and_a_newcomer_gets_the_text_so_far(toy: Toy) -> None:
    key = uuid7()

    def piece(offset: int, text: str) -> Frame:
        return frames.of_notice(Delta(session_id=toy.id, key=key, offset=offset, text=text))

    async def main() -> None:
        early = await attached(Reader(toy.id))
        feed = hubs.hub().feeds[toy.id]
        for frame in (piece(0, "one "), piece(8, "three"), piece(4, "two "), piece(4, "two ")):
            feed.take(frame)
        assert "".join(early.kept.texts) == "one two three"
        late = await attached(Reader(toy.id))
        feed.take(piece(13, "!"))
        assert late.kept.texts == ["one two three", "!"]

    on_a_loop(main)


def test_a_reader_with_little_room_misses_deltas_but_its_text_has_no_hole(toy: Toy) -> None:
    key = uuid7()

    async def main() -> None:
        reader = await attached(Reader(toy.id, capacity=4))
        feed = hubs.hub().feeds[toy.id]
        for number, letter in enumerate("abcdef"):
            feed.take(frames.of_notice(Delta(session_id=toy.id, key=key, offset=number, text=letter)))
        assert reader.kept.texts == ["a", "b"]
        await reader.kept.outbox.get()
        feed.take(frames.of_notice(Delta(session_id=toy.id, key=key, offset=6, text="g")))
        assert (reader.kept.got[-1].offset, reader.kept.texts[-1], reader.dropped) == (0, "abcdefg", False)

    on_a_loop(main)


def test_a_notice_told_on_the_bus_reaches_those_who_watch_its_topic(toy: Toy) -> None:
    async def main() -> None:
        watching = await attached(Reader(toy.id, topics=("trace-event",)))
        not_watching = await attached(Reader(toy.id, topics=("noted",)))
        toy.bus.tell(TraceEvent(session_id=toy.id, name="note", milliseconds=1.5, events=1))
        await until(lambda: watching.kept.got, "the notice")
        assert [frame.type for frame in watching.kept.got] == ["trace-event"]
        assert not_watching.kept.got == []

    on_a_loop(main)
