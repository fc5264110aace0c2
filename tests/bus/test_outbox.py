"""The bounded queue before one reader, and the growing texts."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.live import frames
from bus.live.frames import Frame
from bus.live.outbox import Closed, Outbox
from bus.live.tails import Tail
from bus.messages import Delta, uuid7
from tests.bus.support import until

SESSION, KEY = uuid7(), uuid7()


def delta(offset: int, text: str) -> Frame:
    """A piece of a growing text."""
    return frames.of_notice(Delta(session_id=SESSION, key=KEY, offset=offset, text=text))


def test_an_outbox_takes_as_many_items_as_it_may() -> None:
    outbox: Outbox[int] = Outbox(4, 1000)
    assert [outbox.put(number, 1) for number in range(6)] == [True] * 4 + [False] * 2
    assert (len(outbox), outbox.full, outbox.bytes) == (4, True, 4)


def test_an_outbox_takes_items_until_its_bytes_are_used_up() -> None:
    outbox: Outbox[str] = Outbox(100, 1000)
    assert [outbox.put("x", 400) for _ in range(5)] == [True, True, True, False, False]
    assert outbox.bytes == 1200


def test_an_outbox_is_crowded_from_half_full_on() -> None:
    outbox: Outbox[int] = Outbox(4, 1000)
    outbox.put(1, 1)
    assert not outbox.crowded
    outbox.put(2, 1)
    assert outbox.crowded


def test_items_come_out_in_order_and_make_room() -> None:
    async def main() -> None:
        outbox: Outbox[int] = Outbox(4, 1000)
        for number in range(4):
            outbox.put(number, 1)
        waiting = asyncio.create_task(outbox.room())
        assert [await outbox.get(), await outbox.get()] == [0, 1]
        assert not waiting.done()
        assert await outbox.get() == 2
        await waiting
        assert outbox.put(4, 1)
        assert [await outbox.get(), await outbox.get()] == [3, 4]
        assert outbox.bytes == 0

    asyncio.run(main())


@pytest.mark.parametrize(("keep", "left"), [(False, []), (True, [1, 2])])
def test_closing_ends_the_reader_at_once_or_after_what_is_queued(keep: bool, left: list[int]) -> None:
    async def main() -> None:
        outbox: Outbox[int] = Outbox(4, 1000)
        outbox.put(1, 1)
        outbox.put(2, 1)
        outbox.close(Closed("first"), keep=keep)
        outbox.close(Closed("second"))
        assert not outbox.put(3, 1)
        assert [await outbox.get() for _ in left] == left
        for _ in range(2):
            with pytest.raises(Closed, match="first"):
                await outbox.get()

    asyncio.run(main())


def test_a_waiting_reader_and_a_waiting_writer_are_woken_by_closing() -> None:
    async def main() -> None:
        outbox: Outbox[int] = Outbox(2, 1000)
        reading = asyncio.create_task(outbox.get())
        await until(lambda: reading.get_coro() is not None)
        outbox.close(Closed("over"))
        with pytest.raises(Closed):
            await reading
        await outbox.room()

    asyncio.run(main())


@st.composite
def shuffled_deltas(draw: st.DrawFn) -> tuple[str, list[Frame]]:
    """A text, cut anywhere and more than once, its pieces repeated and out of order."""
    text = draw(st.text(min_size=1, max_size=40))
    pieces: list[tuple[int, str]] = []
    for _ in range(draw(st.integers(1, 3))):
        cuts = [0, *sorted(draw(st.sets(st.integers(0, len(text))))), len(text)]
        pieces += [(start, text[start:end]) for start, end in itertools.pairwise(cuts)]
    repeated = pieces + draw(st.lists(st.sampled_from(pieces), max_size=10))
    return text, [delta(offset, piece) for offset, piece in draw(st.permutations(repeated))]


@given(shuffled_deltas())
def test_any_cutting_repetition_and_reordering_reassembles_the_text(given_: tuple[str, list[Frame]]) -> None:
    text, pieces = given_
    tail = Tail(pieces[0])
    shown = ""
    for piece in pieces:
        ready = tail.add(piece)
        if ready is not None:
            assert ready.offset == len(shown)
            assert ready.decoded()["offset"] == ready.offset
            assert ready.decoded()["text"] == ready.text != ""
            shown += ready.text
    assert shown == text
    assert not tail.has_gap
    whole = tail.whole()
    assert whole is not None
    assert (whole.offset, whole.text) == (0, text)


def test_of_two_early_pieces_at_one_place_the_longer_is_kept() -> None:
    tail = Tail(delta(0, ""))
    assert tail.add(delta(3, "defg")) is None
    assert tail.add(delta(3, "d")) is None
    assert tail.has_gap
    ready = tail.add(delta(0, "abc"))
    assert ready is not None
    assert ready.text == "abcdefg"


def test_a_piece_in_its_place_is_passed_on_as_it_is() -> None:
    first = delta(0, "abc")
    assert Tail(first).add(first) is first
    assert Tail(first).whole() is None


@given(st.text(max_size=30), st.integers(0, 5))
def test_a_frame_survives_the_channel_layer(text: str, offset: int) -> None:
    frame = delta(offset, text)
    assert frames.unpack(SESSION, frames.pack(frame)) == frame


def test_an_event_too_large_to_travel_goes_as_a_bare_version() -> None:
    large = Frame(stream=SESSION, type="noted", version=3, body=b"x" * (frames.MAX_BODY + 1))
    there = frames.unpack(SESSION, frames.pack(large))
    assert (there.version, there.body) == (3, b"")
