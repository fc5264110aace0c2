"""Tools and long conversations: what a run does between its requests."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.exceptions import NotFound
from bus.models import Work
from bus.work import runner
from sessions_app import commands, queries
from sessions_app.handlers.runs import RunNotReady
from sessions_app.llm import asking, tools
from sessions_app.llm.tools import UnknownTool
from sessions_app.models import Message, Run
from tests.runs import ask, do, texts, told
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_tool_is_called_and_its_result_answered(alice: User) -> None:
    story = told(alice, tools=["calculator"], tool={"name": "calculator", "args": {"expression": "6*7"}})
    run = do(ask(story))
    assert run.state == "completed"
    assert [role for role, _ in texts(story)] == ["user", "assistant", "tool", "assistant"]
    assert texts(story)[-1] == ("assistant", "[echo] 42")
    types = story.types()
    assert (types.count("token-metrics-updated"), types.count("run-continued")) == (2, 1)
    assert run.attempt == 2
    assert_replay_rebuilds_the_same_rows()


def test_rounds_of_tools_have_an_end(alice: User, settings: Settings) -> None:
    settings.RUN_MAX_STEPS = 1
    story = told(alice, tools=["clock"], tool={"name": "clock"})
    run = do(ask(story))
    assert (run.state, run.finish_reason) == ("incomplete", "steps")


@pytest.fixture
def guarded() -> Any:
    """A tool that a person must allow."""

    def guarded_tool(text: str) -> str:
        """Says it did it."""
        return f"did {text}"

    tools.default.tool(name="guarded", approval=True)(guarded_tool)
    yield
    del tools.default.tools["guarded"]


@pytest.mark.parametrize("approve", [True, False])
def test_a_tool_that_needs_approval_waits_for_a_person(alice: User, guarded: None, approve: bool) -> None:
    story = told(alice, tools=["guarded"], tool={"name": "guarded", "args": {"text": "it"}})
    run = do(ask(story))
    assert run.state == "requires_action"
    assert Work.objects.get(id=run.id).state == "waiting"
    assert not runner.run(run.id), "nobody works on it meanwhile"
    (call,) = run.decisions
    with pytest.raises(NotFound):
        story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id="another", approve=True)
    story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id=call, approve=approve)
    with pytest.raises(RunNotReady):
        story.tell(commands.DecideToolCall, run_id=run.id, tool_call_id=call, approve=approve)
    assert do(run.id).state == "completed"
    assert texts(story)[-1][1] == (
        "[echo] did it" if approve else "[echo] guarded was not run: the user did not allow it."
    )
    assert_replay_rebuilds_the_same_rows()


def test_a_run_that_waits_for_approval_can_be_cancelled(alice: User, guarded: None) -> None:
    story = told(alice, tools=["guarded"], tool={"name": "guarded", "args": {"text": "it"}})
    run = do(ask(story))
    story.tell(commands.CancelRun, run_id=run.id)
    assert Run.objects.get(id=run.id).state == "cancelled"
    assert do(ask(story)).state == "requires_action", "the conversation is free again"


def test_an_unknown_tool_is_refused_before_the_run_is_queued(alice: User) -> None:
    story = told(alice)
    with pytest.raises(UnknownTool):
        ask(story, tools=["teleport"])
    assert not Run.objects.exists()


def test_a_long_conversation_is_summarised_and_the_summaries_can_be_taken_back(alice: User) -> None:
    story = told(alice, strategy="summarize", text="in short")
    for number in range(30):
        story.tell(commands.AddMessage, content=f"{number} " + "many words " * 150)
        story.tell(commands.AddMessage, content=f"{number} " + "many answers " * 100, role="assistant")
    assert do(ask(story)).state == "completed"
    made = Message.objects.filter(role="summary").order_by("position")
    assert 1 <= len(made) <= 3
    for summary in made:
        assert (summary.metadata["is_summary"], texts(story)[-1][1]) == (True, "[echo] in short")
    covered = {ident for summary in made for ident in summary.metadata["summarized_messages"]}
    assert len(covered) > 10
    for summary in made:
        story.tell(commands.UpdateMessage, message_id=summary.id, metadata={"excluded": True})
    session = queries.session_of(story.actor, story.id)
    plan = asking.prepare(asking.of_session(session, session.id), "truncate").plan
    assert not any(decision.outcome == "summarised" for decision in plan.decisions), "the originals are back"
    assert_replay_rebuilds_the_same_rows()


def test_what_is_left_out_is_said_in_the_log(alice: User) -> None:
    story = told(alice, strategy="truncate")
    for number in range(30):
        story.tell(commands.AddMessage, content=f"{number} " + "many words " * 150)
    do(ask(story))
    (planned,) = [event.fields() for event in story.events() if event.type == "context-planned"]
    assert planned["left_out"]["dropped"] > 1
    assert planned["tokens"] <= planned["budget"]


def test_what_cannot_fit_fails_with_the_reason(alice: User) -> None:
    story = told(alice)
    story.tell(commands.AddMessage, content="far too long " * 10_000)
    run = do(UUID(str(story.tell(commands.RequestRun).data["id"])))
    assert (run.state, run.error_code) == ("failed", "context-overflow")
