"""The care for a text on its way: bounded deltas, chunks without holes, nothing from a worker that lost its lease."""

import asyncio

import pytest
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.live import frames
from bus.messages import Notice
from bus.work import lease, runner
from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.events import RunDelta
from sessions_app.llm import chunks, storable, streaming
from tests.story import Story


def leased(story: Story) -> Lease:
    """A run of the story's, claimed here."""
    run = story.tell(commands.AddMessage, content="hello", answer=True).data["answer_run_id"]
    held = lease.claim(run, runner.OWNER, runner.takes())
    assert held is not None
    return held


def test_a_long_piece_is_shown_in_notices_that_can_travel(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Notice] = []
    monkeypatch.setattr(bus, "tell", told.append)
    text = "\x01ü🥊" * 20_000

    async def show() -> None:
        shower = streaming.Shower(held.stream, held.id, 1)
        shower.add(text)
        shower.close()

    held = leased(story)
    asyncio.run(show())
    deltas = [notice for notice in told if isinstance(notice, RunDelta)]
    assert "".join(delta.text for delta in deltas) == text
    assert [delta.offset for delta in deltas] == [streaming.LONGEST_DELTA * n for n in range(len(deltas))]
    assert all(len(frames.of_notice(delta).body) <= frames.MAX_BODY for delta in deltas)


def test_chunks_that_could_not_be_stored_are_stored_later_without_a_hole(
    story: Story, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_INTERVAL = 0.01
    held, stored = leased(story), asyncio.Event()
    attempts: list[list[chunks.Row]] = []

    async def insert(function: object, rows: list[chunks.Row]) -> None:
        attempts.append(list(rows))
        if len(attempts) <= 2:
            raise ConnectionError("the database is away")
        stored.set()

    monkeypatch.setattr(chunks, "in_thread", insert)

    async def write() -> None:
        writer = chunks.ChunkWriter()
        writer.add(held, 1, "one ")
        while len(attempts) < 2:
            await asyncio.sleep(0)
        writer.add(held, 1, "two")
        await stored.wait()

    asyncio.run(write())
    assert "".join(row[4] for row in attempts[-1]) == "one two"
    assert [row[3] for row in attempts[-1]] == [1, 2]


def test_a_run_that_ends_before_its_first_chunk_is_due_stores_nothing(
    story: Story, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHUNK_INTERVAL = 0.01
    held, asked = leased(story), []

    async def insert(function: object, rows: list[chunks.Row]) -> None:
        asked.append(rows)

    monkeypatch.setattr(chunks, "in_thread", insert)

    async def write() -> None:
        writer = chunks.ChunkWriter()
        writer.add(held, 1, "all of it")
        writer.forget(held)
        assert writer.flushing is not None
        await writer.flushing

    asyncio.run(write())
    assert asked == []


def test_chunks_nobody_works_on_are_pruned(story: Story) -> None:
    held = leased(story)
    chunks.insert([(held.id, held.fence, 1, 1, "kept")])
    chunks.prune()
    assert chunks.stored(held.id, 1) == "kept"
    lease.finish(held, "failed")
    chunks.prune()
    assert chunks.stored(held.id, 1) == ""


def test_chunks_of_an_outdated_fence_are_not_stored(story: Story) -> None:
    held = leased(story)
    chunks.insert([(held.id, held.fence - 1, 1, 1, "from a zombie")])
    assert chunks.stored(held.id, 1) == ""


def test_clean_text_can_be_stored() -> None:
    assert storable.clean("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert storable.clean("plain") == "plain"
