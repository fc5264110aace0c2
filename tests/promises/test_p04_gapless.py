"""P4: versions are gapless and unique, in commit order, however many write to one session, or to many at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connections

from bus.bus import bus
from bus.messages import Context
from sessions_app import commands
from tests.bus.support import execute
from tests.harness.history import check_versions
from tests.harness.scale import scaled
from tests.story import Story

WRITERS = 16
EACH = scaled(50)
SESSIONS = 8

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]


def write(story: Story, count: int) -> list[int]:
    """Add so many messages; the versions that were told."""
    context = (Context(actor=story.actor) for _ in range(count))
    command = commands.AddMessage(session_id=story.id, content="x")
    try:
        return [bus.execute(command, each).version or 0 for each in context]
    finally:
        connections.close_all()


def all_at_once(stories: list[Story], count: int) -> list[list[int]]:
    """One writer for each of the stories (which may be the same), in threads; the versions each was told."""
    with ThreadPoolExecutor(len(stories)) as pool:
        writing = [pool.submit(partial(write, story, count)) for story in stories]
    failed = [repr(done.exception()) for done in writing if done.exception()]
    assert not failed, f"writers were refused: {failed[:3]}"
    return [done.result() for done in writing]


def check_told(story: Story, told: list[list[int]], before: int, count: int) -> None:
    """What the writers of one session were told, and what is stored, is every version once."""
    assert all(versions == sorted(versions) for versions in told), "a writer was told a lower version later"
    versions = sorted(version for each in told for version in each)
    assert versions == list(range(before + 1, before + len(told) * count + 1))
    check_versions([event.version for event in story.events()], before + len(told) * count)
    positions = [event.position for event in story.events()]
    assert positions == sorted(positions)
    assert execute("SELECT 1 FROM bus_stream WHERE id = %s AND version = %s", story.id, versions[-1]) == 1


def test_many_writers_on_one_session_get_every_version_once(story: Story) -> None:
    before = len(story.events())
    check_told(story, all_at_once([story] * WRITERS, EACH), before, EACH)


def test_many_writers_on_many_sessions_get_every_version_once(story: Story) -> None:
    def another() -> Story:
        made = bus.execute(commands.CreateSession(title="One of many"), Context(actor=story.actor))
        return Story(made.data["id"], story.actor)

    stories = [another() for _ in range(SESSIONS)]
    before = [len(each.events()) for each in stories]
    count = EACH // 2
    told = all_at_once(stories * (WRITERS // SESSIONS), count)
    for number, each in enumerate(stories):
        check_told(each, told[number::SESSIONS], before[number], count)
