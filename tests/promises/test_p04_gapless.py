"""P4: versions are gapless and unique, in commit order, however many write to one session."""

from functools import partial

import pytest

from bus.bus import bus
from bus.messages import Context
from sessions_app import commands
from tests.bus.support import execute, in_threads
from tests.harness.history import check_versions
from tests.story import Story

WRITERS = 16
EACH = 50

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_writers_on_one_session_get_every_version_once(story: Story) -> None:
    def write(writer: int) -> list[int]:
        context = (Context(actor=story.actor) for _ in range(EACH))
        command = commands.AddMessage(session_id=story.id, content=f"writer {writer}")
        return [bus.execute(command, each).version or 0 for each in context]

    before = len(story.events())
    told = in_threads(*[partial(write, writer) for writer in range(WRITERS)])
    assert all(versions == sorted(versions) for versions in told), "a writer was told a lower version later"
    versions = sorted(version for each in told for version in each)
    assert versions == list(range(before + 1, before + WRITERS * EACH + 1))
    check_versions([event.version for event in story.events()], before + WRITERS * EACH)
    positions = [event.position for event in story.events()]
    assert positions == sorted(positions)
    assert execute("SELECT 1 FROM bus_stream WHERE id = %s AND version = %s", story.id, versions[-1]) == 1
