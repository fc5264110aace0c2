"""Coming and going while the session moves: nobody skips a version, nobody leaves an open feed behind."""

import asyncio
from collections.abc import Callable
from functools import partial

from bus.database import in_thread
from bus.live import frames
from bus.live import hub as hubs
from bus.messages import Delta, uuid7
from tests.bus.support import Toy, on_a_loop, until
from tests.bus.test_hub import Reader, Sink, attached, stored_frames


class Hesitant(Sink):
    """A sink whose room comes late once: before the frame numbered `at`, `meanwhile` happens."""

    def __init__(self, at: int, meanwhile: Callable[[], None]) -> None:
        super().__init__()
        self.asked = 0
        self._at = at
        self._meanwhile = meanwhile

    async def room(self) -> None:
        """Let something happen first, when it is time."""
        self.asked += 1
        if self.asked == self._at:
            self._meanwhile()


def settled(reader: Reader) -> bool:
    """Whether the reader has caught up, or been given up."""
    return reader.live or reader.dropped


def test_a_page_that_ran_ahead_of_the_session_is_not_delivered_with_a_hole(toy: Toy) -> None:
    toy.note(times=9)
    line = stored_frames(toy)

    async def main() -> None:
        await attached(Reader(toy.id), after=0)
        feed = hubs.hub().feeds[toy.id]
        for heard in range(1, 8):
            feed.head = heard  # this process has heard of so much; the page that is read holds all ten
            late = Reader(toy.id)

            def two_more(heard: int = heard) -> None:
                feed.take(line[heard])
                feed.take(line[heard + 1])

            late.sink = late.kept = Hesitant(heard + 2, two_more)
            await hubs.hub().attach(late, 0)
            await until(partial(settled, late), "the reader being live")
            assert late.kept.versions == list(range(1, late.next))
            hubs.hub().detach(late)

    on_a_loop(main)


def test_one_who_gives_up_while_a_feed_opens_leaves_no_feed_behind(toy: Toy) -> None:
    async def main() -> None:
        hub = hubs.hub()
        for _ in range(5):
            task = asyncio.create_task(hub.attach(Reader(toy.id), 0))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await until(lambda: not hub.feeds and not hub.line.joined, "the feed being closed")

    on_a_loop(main)


def test_one_who_is_refused_takes_nobody_elses_feed_away(toy: Toy) -> None:
    async def main() -> None:
        hub = hubs.hub()
        wrong, right = Reader(toy.id), Reader(toy.id)
        results = await asyncio.gather(hub.attach(wrong, -1), hub.attach(right, 0), return_exceptions=True)
        assert isinstance(results[0], Exception)
        assert right in hub.feeds[toy.id].readers
        await in_thread(toy.note)
        await until(lambda: right.next == 3, "the note")

    on_a_loop(main)


def test_an_offer_out_of_turn_changes_nothing(toy: Toy) -> None:
    toy.note(times=3)
    reader = Reader(toy.id)
    for frame in (stored_frames(toy)[i] for i in (1, 0, 0, 2, 1)):
        reader.offer(frame)
    assert reader.kept.versions == [1, 2]
    assert reader.next == 3


def test_deltas_of_an_earlier_attempt_no_longer_count(toy: Toy) -> None:
    key = uuid7()

    async def main() -> None:
        reader = await attached(Reader(toy.id))
        feed = hubs.hub().feeds[toy.id]

        def take(attempt: int, offset: int, text: str) -> None:
            notice = Delta(session_id=toy.id, key=key, attempt=attempt, offset=offset, text=text)
            feed.take(frames.of_notice(notice))

        take(1, 0, "old ")
        take(2, 0, "new ")
        take(1, 4, "zombie text ")
        take(2, 4, "answer")
        assert reader.kept.texts == ["old ", "new ", "answer"]
        newcomer = await attached(Reader(toy.id))
        assert newcomer.kept.texts == ["new answer"]

    on_a_loop(main)
