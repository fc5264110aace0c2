"""Compacting now: a run makes a summary of the older half of a conversation; taken back, everything counts again."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.exceptions import NotFound
from bus.work import runner
from sessions_app import commands, queries
from sessions_app.handlers.runs import RunNotReady
from sessions_app.llm import asking
from sessions_app.models import Message, Run
from tests.runs import do, settled, told, until
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def long_story(alice: User, **script: Any) -> Story:
    """Ten exchanges, nowhere near the window's end."""
    story = told(alice, strategy="truncate", **{"text": "in short", **script})
    for number in range(10):
        story.tell(commands.AddMessage, content=f"{number} many words " * 10)
        story.tell(commands.AddMessage, content=f"{number} many answers " * 10, role="assistant")
    return story


def compacted(story: Story) -> Run:
    return do(UUID(str(story.tell(commands.CompactContext).data["id"])))


def sent(story: Story) -> list[str]:
    """What the next request would contain, message by message: the first words."""
    asked = asking.of_session(queries.session_of(story.actor, story.id), story.id)
    return [turn.content[0].text[:8] for turn in asking.prepare(asked).plan.turns]  # type: ignore[union-attr]


def test_the_older_half_is_summarised_and_comes_back(alice: User) -> None:
    story = long_story(alice)
    before = sent(story)
    run = compacted(story)
    summary = Message.objects.get(role="summary")
    assert (run.state, run.message, run.compacts) == ("completed", summary.id, True)
    covered = summary.metadata["summarized_messages"]
    assert 10 <= len(covered) <= 12
    assert sent(story) == ["[echo] i", *before[len(covered) :]]
    assert Message.objects.filter(session=story.id).count() == 21, "a summary, no answer, nothing lost"
    again = compacted(story)
    second = Message.objects.get(id=str(again.message))
    assert str(summary.id) in second.metadata["summarized_messages"]
    assert str(story.tell(commands.UndoCompaction).data["id"]) == str(second.id)
    assert sent(story) == ["[echo] i", *before[len(covered) :]]
    story.tell(commands.UndoCompaction, message_id=summary.id)
    assert sent(story) == before
    with pytest.raises(NotFound):
        story.tell(commands.UndoCompaction)
    with pytest.raises(RunNotReady):
        story.tell(commands.RetryRun, run_id=run.id)
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"finish": "length"}, "no-summary"),
        ({"text": "longer than what it stands for " * 100}, "no-summary"),
        ({"error": "refused"}, "no-summary"),
    ],
)
def test_a_summary_that_is_no_good_changes_nothing(alice: User, script: dict[str, Any], code: str) -> None:
    story = long_story(alice, **script)
    before = sent(story)
    run = compacted(story)
    assert (run.state, run.error_code, run.message) == ("failed", code, None)
    assert sent(story) == before
    assert not Message.objects.filter(role="summary").exists()


def test_a_summary_under_way_can_be_cancelled(alice: User, settings: Settings) -> None:
    settings.RUN_CANCEL_POLL = 0.05
    story = long_story(alice, delay=0.05, text="word " * 400)
    run = UUID(str(story.tell(commands.CompactContext).data["id"]))
    assert runner.run(run)
    until(run, state="running")
    story.tell(commands.CancelRun, run_id=run)
    assert settled(run).state == "cancelled"
    assert not Message.objects.filter(role="summary").exists()


def test_what_is_short_is_not_compacted_and_other_runs_go_first(alice: User) -> None:
    story = told(alice)
    first = UUID(str(story.tell(commands.RequestRun, input="hello").data["id"]))
    waiting = Run.objects.get(id=story.tell(commands.CompactContext).data["id"])
    assert (waiting.waits, waiting.compacts) == (True, True)
    assert do(first).state == "completed"
    run = do(waiting.id)
    assert (run.state, run.error_code) == ("failed", "nothing-to-compact")
    assert story.types()[-1] == "run-failed"
