"""`bus.subscribe()`: one session's events, the whole log's, or this process's, as an async iterator."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from bus.bus import MessageBus
from bus.database import in_thread
from bus.exceptions import Invalid, SubscriberTooSlow
from bus.messages import Envelope
from bus.topics import Filter
from tests.bus.support import Note, Noted, Opened, Toy, on_a_loop, take, until


def text_of(envelope: Envelope) -> Any:
    """The note, or the type of what is no note."""
    return envelope.fields().get("text", envelope.type)


def test_a_sessions_events_from_a_version_on(toy: Toy) -> None:
    toy.note("a", times=3)

    async def main() -> None:
        async with toy.bus.subscribe(session=toy.id, after=2) as events:
            assert [event.version for event in await take(events, 2)] == [3, 4]
            await toy.bus.aexecute(Note(session_id=toy.id, text="b"))
            (event,) = await take(events, 1)
            assert (event.version, event.type, event.session_id, text_of(event)) == (5, "noted", toy.id, "b")

    on_a_loop(main)


def test_a_sessions_events_from_now_on(toy: Toy) -> None:
    async def main() -> None:
        async with toy.bus.subscribe(session=toy.id) as events:
            reading = asyncio.create_task(take(events, 1))
            for number in range(1000):
                await toy.bus.aexecute(Note(session_id=toy.id, text=str(number)))
                if reading.done():
                    break
            assert (await reading)[0].type == "noted"

    on_a_loop(main)


def test_topics_filters_and_transform_choose_and_change(toy: Toy) -> None:
    for text in ("one", "two", "one"):
        toy.note(text)

    async def main() -> None:
        wanted = [Filter("data.text", "eq", "one")]
        async with toy.bus.subscribe("not*", session=toy.id, after=0, filters=wanted, transform=text_of) as texts:
            assert await take(texts, 2) == ["one", "one"]
        async with toy.bus.subscribe("*", session=toy.id, after=0, transform=lambda e: e.version % 2 or None) as odd:
            assert await take(odd, 2) == [1, 1]

    on_a_loop(main)


def test_a_version_beyond_the_head_is_refused(toy: Toy) -> None:
    async def main() -> None:
        async with toy.bus.subscribe(session=toy.id, after=7) as events:
            with pytest.raises(Invalid, match="the session is at version 1"):
                await anext(events)

    on_a_loop(main)


def test_a_reader_of_a_session_who_is_too_slow_is_dropped_and_told_so(toy: Toy) -> None:
    async def main() -> None:
        events = toy.bus.subscribe(session=toy.id, after=0, capacity=3)
        assert (await anext(events)).version == 1
        await until(lambda: not events.outbox)
        await in_thread(lambda: toy.note(times=10))
        await until(lambda: events.outbox.closed is not None, "the reader being dropped")
        with pytest.raises(SubscriberTooSlow):
            await take(events, 5)

    on_a_loop(main)


def test_a_slow_reader_of_this_process_is_dropped_and_publishing_does_not_wait() -> None:
    async def main() -> None:
        bus = MessageBus()
        slow, quick = bus.subscribe(capacity=2), bus.subscribe(capacity=100)
        for number in range(5):
            await bus.publish(Noted(text=str(number)))
        with pytest.raises(SubscriberTooSlow):
            await anext(slow)
        assert [text_of(event) for event in await take(quick, 5)] == list("01234")
        assert bus.streams == {quick}

    asyncio.run(main())


def test_leaving_the_subscription_ends_the_iteration(toy: Toy) -> None:
    async def main() -> None:
        events, close = toy.bus.subscribe(session=toy.id, after=0)
        got = []
        async for event in events:
            got.append(event.version)
            close()
        assert got == [1]

    on_a_loop(main)


def test_the_whole_log_from_a_position_on(toy: Toy) -> None:
    other = toy.open()
    toy.note("a")
    toy.note("b", stream=other)
    start = toy.events()[0].position

    async def main() -> None:
        async with toy.bus.subscribe(after=start) as events:
            assert [text_of(event) for event in await take(events, 3)] == ["opened", "a", "b"]
            await in_thread(toy.note, "c")
            (event,) = await take(events, 1)
            assert text_of(event) == "c"
            assert event.position > start

    on_a_loop(main)


def test_the_whole_log_is_read_at_the_readers_pace_so_that_nobody_is_too_slow(toy: Toy) -> None:
    start = toy.events()[0].position
    for _ in range(3):
        toy.note(times=100)

    async def main() -> None:
        async with toy.bus.subscribe("noted", after=start, capacity=4) as events:
            versions = [event.version for event in await take(events, 300)]
            assert versions == list(range(2, 302))

    on_a_loop(main)


def test_the_whole_log_in_the_order_of_every_session_while_many_write(toy: Toy, settings: Settings) -> None:
    settings.BUS_POLL_INTERVAL = 0.05
    streams = [toy.id, toy.open(), toy.open()]
    start = toy.events(streams[-1])[0].position

    async def main() -> None:
        async with toy.bus.subscribe("noted", after=start) as events:
            writing = [in_thread(toy.note, "x", stream=streams[number % 3]) for number in range(60)]
            reading = asyncio.create_task(take(events, 60))
            await asyncio.gather(*writing)
            seen: dict[UUID, list[int]] = {}
            for event in await reading:
                seen.setdefault(event.session_id, []).append(event.version)
            assert seen == {stream: list(range(2, 22)) for stream in streams}

    on_a_loop(main)


def test_what_one_loop_publishes_reaches_a_subscriber_on_another() -> None:
    async def main() -> None:
        bus = MessageBus()
        events = bus.subscribe("opened")
        await asyncio.to_thread(lambda: asyncio.run(bus.publish(Opened())))
        assert (await anext(events)).type == "opened"

    asyncio.run(main())
