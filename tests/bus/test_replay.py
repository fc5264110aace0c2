"""Projections and replay: the rows are what the log says, however they came to be."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bus.bus import bus
from bus.log import store
from bus.log.replay import replay
from bus.messages import Context
from bus.models import StoredEvent
from bus.registry import default
from sessions_app import commands, events
from sessions_app.models import Message, Run, Session
from sessions_app.values import ConfigPatch
from tests.bus.support import execute
from tests.story import Story, assert_replay_rebuilds_the_same_rows


def tell_everything(story: Story) -> None:
    """A bit of each: messages alone and with others, changes, metrics, another session, a deleted one."""
    first = story.tell(commands.AddMessage, content="one").data["id"]
    story.tell(commands.AddMessage, content="two", answer=True)
    story.tell(commands.RecordInteraction, query="why", response="because")
    story.tell(commands.UpdateMessage, message_id=first, content="uno", metadata={"edited": True})
    story.tell(commands.UpdateSession, title="New", metadata={"a": 1}, config=ConfigPatch(temperature=0.5))
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=10, completion_tokens=5)
    for _ in range(2):
        made = bus.execute(commands.CreateSession(), Context(actor=story.actor)).data["id"]
    other = Story(made, story.actor)
    other.tell(commands.AddMessage, content="gone", answer=True)
    other.tell(commands.DeleteSession)


def row_of(message: Message) -> dict[str, Any]:
    """What should not depend on how a message was added."""
    return {
        name: value
        for name, value in vars(message).items()
        if name not in ("_state", "id", "position", "created_at", "updated_at")
    }


def test_replay_rebuilds_the_same_rows(story: Story) -> None:
    tell_everything(story)
    count, different = replay(default)
    assert (count, different) == (StoredEvent.objects.count(), [])
    assert Session.objects.count() == 2
    assert Session.objects.get(id=story.id).message_count == 4


def test_replay_of_an_empty_log_is_no_difference(db: None) -> None:
    assert replay(default) == (0, [])


def test_check_finds_a_row_changed_behind_its_back_and_replay_mends_it(story: Story) -> None:
    tell_everything(story)
    execute("UPDATE sessions_app_message SET content = '[]' WHERE position = 2")
    with pytest.raises(CommandError, match="sessions_app_message"):
        call_command("replay", check=True, stdout=StringIO())
    assert Message.objects.filter(content=[]).exists()
    output = StringIO()
    call_command("replay", stdout=output)
    assert "Rows changed in: sessions_app_message." in output.getvalue()
    assert not Message.objects.filter(content=[]).exists()
    call_command("replay", check=True, stdout=StringIO())


def test_check_finds_a_row_that_was_deleted_and_one_that_was_added(story: Story) -> None:
    tell_everything(story)
    Run.objects.all().delete()
    Session.objects.filter(title="").update(title="made up")
    _, different = replay(default, keep=False)
    assert different == ["sessions_app_session", "sessions_app_run"]


def test_a_replay_of_a_deleted_session_leaves_none_of_its_rows(story: Story) -> None:
    story.tell(commands.AddMessage, content="gone", answer=True)
    story.tell(commands.DeleteSession)
    assert_replay_rebuilds_the_same_rows()
    replay(default)
    assert not Session.objects.filter(id=story.id).exists()
    assert not Message.objects.exists()
    assert not Run.objects.exists()
    assert story.types() == ["session-created", "message-added", "run-requested", "session-deleted"]


def test_a_replay_runs_no_reaction(story: Story) -> None:
    story.tell(commands.AddMessage, content="answer me", answer=True)
    execute("DELETE FROM bus_work")
    replay(default)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bus_work")
        assert cursor.fetchone() == (0,)


def test_a_projection_fused_into_the_append_writes_what_a_separate_one_does(story: Story) -> None:
    story.tell(commands.AddMessage, content="same", metadata={"a": [1, None]})
    alone = Message.objects.get(position=2)
    story.tell(commands.AddMessage, content="same", metadata={"a": [1, None]}, answer=True)
    together = Message.objects.get(position=3)
    assert row_of(together) == row_of(alone)
    session, last = Session.objects.get(id=story.id), story.events()[-1]
    assert (session.message_count, session.updated_at) == (2, last.recorded_at)
    assert together.created_at == together.updated_at == story.events()[2].recorded_at
    assert_replay_rebuilds_the_same_rows()


def test_only_events_of_one_type_with_sql_alone_are_fused(story: Story) -> None:
    story.tell(commands.RecordInteraction, query="why", response="because")
    added = default.open(story.events()[-1])
    fused = store.fused([added, added], default)
    assert fused is not None
    assert len(fused.statements) == 3
    assert store.fused([added, events.SessionDeleted()], default) is None
    assert [(m.position, m.role) for m in Message.objects.order_by("position")] == [(2, "user"), (3, "assistant")]
    assert Session.objects.get(id=story.id).message_count == 2
