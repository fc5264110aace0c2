"""Goals: steps and progress, what they took, where they are shown."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bus.bus import bus
from bus.exceptions import Invalid, NotFound
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.models import Session
from sessions_app.plugins.goals import MOST_GOALS, CloseGoal, ReviewGoals, SetGoal, UpdateGoal
from tests.api.caller import Caller
from tests.runs import ask, do, told
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def set_goal(story: Story, title: str = "a goal", **fields: Any) -> UUID:
    """Its id."""
    return UUID(str(story.tell(SetGoal, title=title, **fields).data["id"]))


def state(story: Story) -> dict[str, Any]:
    """The plugin's state."""
    found: dict[str, Any] = Session.objects.get(id=story.id).metadata["plugins"]["goals"]
    return found


def goal(story: Story, goal_id: UUID) -> dict[str, Any]:
    found: dict[str, Any] = state(story)["goals"][str(goal_id)]
    return found


def test_the_progress_of_a_goal_follows_from_its_steps(story: Story) -> None:
    top = set_goal(story, "write a book")
    one, two, three = (set_goal(story, title, parent_id=top) for title in ("plan", "write", "print"))
    story.tell(UpdateGoal, goal_id=one, progress=0.5)
    assert goal(story, top)["progress"] == pytest.approx(0.1667)
    story.tell(CloseGoal, goal_id=one)
    story.tell(CloseGoal, goal_id=three, outcome="abandoned")
    assert goal(story, top)["progress"] == 0.5, "what was given up does not count"
    with pytest.raises(Invalid, match="follows from theirs"):
        story.tell(UpdateGoal, goal_id=top, progress=0.9)
    with pytest.raises(Invalid, match="sub-goals first"):
        story.tell(CloseGoal, goal_id=top)
    story.tell(CloseGoal, goal_id=two, rating=0.8)
    story.tell(CloseGoal, goal_id=top, rating=1.0)
    closed = goal(story, top)
    assert (closed["progress"], closed["outcome"], closed["rating"]) == (1.0, "achieved", 1.0)
    assert closed["seconds"] >= 0
    for wrong in (UpdateGoal, CloseGoal):
        with pytest.raises(Invalid, match="closed"):
            story.tell(wrong, goal_id=top)
    with pytest.raises(NotFound):
        story.tell(UpdateGoal, goal_id=uuid4())
    assert_replay_rebuilds_the_same_rows()


def test_what_a_run_took_counts_for_the_goal_in_focus_and_those_above_it(alice: User) -> None:
    story = told(alice)
    do(ask(story))
    top = set_goal(story)
    step = set_goal(story, "a step", parent_id=top)
    run = do(ask(story))
    other = set_goal(story, "another", focus=False)
    do(ask(story, metadata={"goal": str(other)}))
    used = (run.prompt_tokens or 0) + (run.completion_tokens or 0)
    for ident in (top, step):
        assert (goal(story, ident)["runs"], goal(story, ident)["tokens"], goal(story, ident)["cost"]) == (1, used, "0")
    assert goal(story, other)["runs"] == 1
    story.tell(CloseGoal, goal_id=step)
    assert state(story)["focus"] == str(top)
    story.tell(UpdateGoal, goal_id=top, focus=False)
    do(ask(story))
    assert goal(story, top)["runs"] == 1
    assert_replay_rebuilds_the_same_rows()


def test_goals_are_shown_in_the_page_and_in_the_metadata_of_the_api(alice: User) -> None:
    story = told(alice)
    step = set_goal(story, "<b>a step</b>", parent_id=set_goal(story, "a goal"))
    story.tell(UpdateGoal, goal_id=step, progress=0.25)
    shown = Caller(alice).get(f"sessions/{story.id}/").json()["metadata"]["plugins"]["goals"]["goals"]
    assert shown[str(step)]["progress"] == 0.25
    client = Client()
    client.force_login(alice)
    page = client.get(f"/sessions/{story.id}/").content.decode()
    assert "<li>a goal (25 %; 0 runs, 0 tokens, $0.0000)</li>" in page
    assert "&lt;b&gt;a step" in page


@pytest.mark.parametrize(
    "written",
    [
        1,
        {"goals": 1},
        {"goals": {"x": {}}},
        {"focus": "x"},
        {"goals": {str(uuid4()): {"title": "t", "set_at": "2026-01-01T00:00:00"}}},
        {"goals": {str(uuid4()): {"title": "t", "set_at": "2026-01-01T00:00:00Z", "cost": "sNaN"}}},
        {"goals": {str(uuid4()): {"title": "t", "set_at": "2026-01-01T00:00:00Z"} for _ in range(MOST_GOALS + 1)}},
    ],
)
def test_metadata_that_are_no_goals_are_refused_and_stop_nothing(alice: User, written: Any) -> None:
    story = told(alice)
    story.tell(commands.UpdateSession, metadata={"plugins": {"goals": written}})
    with pytest.raises(Invalid, match="written over"):
        set_goal(story)
    assert do(ask(story)).state == "completed"
    assert "error-occurred" not in story.types()
    client = Client()
    client.force_login(alice)
    assert client.get(f"/sessions/{story.id}/").status_code == 200
    assert story.tell(commands.UpdateSession, metadata={"plugins": {"goals": None}}).success
    set_goal(story)


def test_a_session_has_so_many_goals_and_no_more(story: Story) -> None:
    known = {str(uuid4()): {"title": "t", "set_at": "2026-01-01T00:00:00Z"} for _ in range(MOST_GOALS)}
    story.tell(commands.UpdateSession, metadata={"plugins": {"goals": {"goals": known}}})
    with pytest.raises(Invalid, match="at most"):
        set_goal(story)


def test_a_review_compares_the_earlier_half_of_ones_own_goals_with_the_later(
    alice: User, bob: User, story: Story
) -> None:
    for rating in (0.2, 0.4, 0.8, 1.0):
        story.tell(CloseGoal, goal_id=set_goal(story), rating=rating)

    def review(user: User) -> Any:
        return bus.execute(ReviewGoals(), Context(actor=Actor("user", str(user.pk)))).data

    found = review(alice)
    assert (found["closed"], found["earlier"]["rating"], found["later"]["rating"]) == (4, 0.3, 0.9)
    assert review(bob)["closed"] == 0
