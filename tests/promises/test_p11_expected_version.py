"""P11: a wrong `expected_version` writes nothing: of many who read, add one and write, none is lost."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from bus.bus import bus
from bus.exceptions import VersionConflict
from bus.log import store
from bus.messages import Context
from sessions_app import commands
from sessions_app.models import Session
from tests.api.caller import Caller
from tests.bus.support import in_threads
from tests.harness.history import check_versions
from tests.harness.scale import scaled
from tests.story import Story, assert_replay_rebuilds_the_same_rows

WRITERS = 10
EACH = min(scaled(8), 24)

pytestmark = pytest.mark.django_db(transaction=True)


def counted(story: Story) -> int:
    """The counter in the session's metadata."""
    metadata: dict[str, Any] = Session.objects.get(id=story.id).metadata
    return int(metadata.get("count", 0))


def increment(story: Story) -> int:
    """Read, add one, write if nobody was faster; again until that works. How often somebody was faster."""
    conflicts = 0
    while True:
        version = store.version(story.id)  # read first: what is read after it is as old, or leads to a conflict
        command = commands.UpdateSession(session_id=story.id, metadata={"count": counted(story) + 1})
        try:
            bus.execute(command, Context(actor=story.actor, expected_version=version))
        except VersionConflict:
            conflicts += 1
        else:
            return conflicts


def test_no_update_is_lost(story: Story) -> None:
    before = len(story.events())
    conflicts = in_threads(*[lambda: sum(increment(story) for _ in range(EACH))] * WRITERS)
    assert counted(story) == WRITERS * EACH
    assert sum(conflicts) > 0, "nobody was in anybody's way: nothing was tried"
    check_versions([event.version for event in story.events()], before + WRITERS * EACH)
    assert_replay_rebuilds_the_same_rows()


def test_a_command_that_commutes_checks_the_version_too(story: Story) -> None:
    version = store.version(story.id)

    def add(number: int) -> bool:
        command = commands.AddMessage(session_id=story.id, content=str(number))
        try:
            bus.execute(command, Context(actor=story.actor, expected_version=version))
        except VersionConflict:
            return False
        return True

    assert sum(in_threads(*[partial(add, number) for number in range(WRITERS)])) == 1
    assert story.types()[1:] == ["message-added"]


def test_two_browsers_that_edit_the_same_session_lose_nothing(alice: User) -> None:
    callers = [Caller(alice) for _ in range(2)]
    path = f"sessions/{callers[0].session(metadata={'count': 0})}/"

    def edit(api: Caller) -> int:
        conflicts, done = 0, 0
        while done < EACH:
            seen = api.get(path)
            changes = {"metadata": {"count": seen.json()["metadata"]["count"] + 1}}
            answer = api.call("PATCH", path, changes, if_match=seen["ETag"])
            assert answer.status_code in (200, 412), answer.content
            done, conflicts = done + (answer.status_code == 200), conflicts + (answer.status_code == 412)
        return conflicts

    conflicts = in_threads(*(partial(edit, api) for api in callers))
    assert callers[0].get(path).json()["metadata"]["count"] == 2 * EACH
    assert sum(conflicts) > 0, "nobody was in anybody's way: nothing was tried"
