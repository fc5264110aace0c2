"""Messages said again and answers made again, tool calls, runs: all in forks."""

import tracemalloc
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bus.exceptions import Invalid
from bus.messages import SYSTEM
from bus.work import runner
from sessions_app import commands
from sessions_app.forks import ToolCallOpen, after
from sessions_app.handlers.runs import SessionBusy
from sessions_app.llm import catalog
from sessions_app.llm.capabilities import CapabilityMissing
from sessions_app.llm.context.relevance_scores import scores
from sessions_app.models import Message, ModelEntry, Run
from sessions_app.values import ConfigPatch, ImagePart, TextPart, ToolCallPart, ToolResultPart
from tests.conversations import asked, begin, fork, line, say, text_in
from tests.runs import ask, do, settled, told
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

CALL = ToolCallPart(tool_call_id="c1", name="clock", args={})
RESULT = ToolResultPart(tool_call_id="c1", content="noon")


# -- editing and regenerating ------------------------------------------------------------------------------------------


def test_the_first_message_is_said_again_in_a_fork_that_shares_nothing(alice: User) -> None:
    story = told(alice)
    do(ask(story, "hello"))
    first = Message.objects.get(role="user")
    aside, data = begin(story, commands.EditMessage, message_id=first.id, content="good day")
    assert do(data["run_id"]).state == "completed"
    assert line(aside) == ["good day", "[echo] good day"]
    assert line(story.id) == ["hello", "[echo] hello"]
    assert text_in(data["message_id"]) == "good day"
    with pytest.raises(Invalid, match="user"):
        begin(story, commands.EditMessage, message_id=Message.objects.filter(role="assistant")[0].id, content="x")
    assert_replay_rebuilds_the_same_rows()


def test_an_answer_is_made_again_by_another_model_beside_the_first(alice: User) -> None:
    story = told(alice, tools=["clock"])
    do(ask(story, "one"))
    answer = do(ask(story, "two")).message
    do(ask(story, "three"))
    aside, data = begin(story, commands.RegenerateMessage, message_id=answer, model="other")
    run = do(data["run_id"])
    assert (run.state, run.model, run.tools, run.conversation_id) == ("completed", "other", ["clock"], aside)
    assert line(aside) == ["one", "[echo] one", "two", "[echo] two"]
    assert len(line(story.id)) == 6
    assert not Message.objects.filter(metadata__has_key="superseded_by").exists()
    with pytest.raises(Invalid, match="answer"):
        begin(story, commands.RegenerateMessage, message_id=Message.objects.filter(role="user")[0].id)
    assert_replay_rebuilds_the_same_rows()


def test_an_answer_nobody_asked_for_is_made_again_from_the_last_question(alice: User) -> None:
    story = told(alice)
    alone = say(story, "unasked", "assistant")
    with pytest.raises(Invalid, match="no user message"):
        begin(story, commands.RegenerateMessage, message_id=alone)
    say(story, "a question")
    say(story, "half an answer", "assistant")
    aside, data = begin(story, commands.RegenerateMessage, message_id=say(story, "the other half", "assistant"))
    do(data["run_id"])
    assert line(aside) == ["unasked", "a question", "[echo] a question"]


def test_what_was_said_while_the_answer_was_made_is_no_part_of_what_it_answered(alice: User) -> None:
    story = told(alice)
    first = ask(story, "one")
    story.tell(commands.AddMessage, content="two", answer=True)
    answer = do(first).message
    second = Run.objects.get(waits=False, state="queued")
    later = do(second.id).message
    _, data = begin(story, commands.RegenerateMessage, message_id=answer)
    assert text_in(do(data["run_id"]).message) == "[echo] one"
    _, data = begin(story, commands.RegenerateMessage, message_id=later)
    assert text_in(do(data["run_id"]).message) == "[echo] two"


def test_an_answer_replaced_after_the_fork_began_still_counts_in_it(alice: User) -> None:
    story = told(alice, finish="length")
    first = do(ask(story, "one"))
    assert first.message is not None
    aside = fork(story, first.message)
    say(story, "two")
    again = UUID(str(story.tell(commands.RetryRun, run_id=first.id).data["id"]))
    replacement = do(again).message
    assert replacement is not None
    assert "superseded_by" in Message.objects.get(id=first.message).metadata
    assert asked(story, aside) == ["one", "[echo] one"]
    assert asked(story, story.id) == ["one", "two", "[echo] one"]
    assert asked(story, fork(story, replacement)) == ["one", "two", "[echo] one"]


def test_a_try_that_says_nothing_replaces_nothing(alice: User) -> None:
    story = told(alice)
    worker = Story(story.id, SYSTEM)
    first = do(ask(story, "one"))
    again = UUID(str(story.tell(commands.RetryRun, run_id=first.id).data["id"]))
    worker.tell(commands.StartRun, run_id=again)
    worker.tell(commands.EndRun, run_id=again, outcome="incomplete", reason="cancelled")
    assert not Message.objects.filter(metadata__has_key="superseded_by").exists()
    assert asked(story, story.id) == ["one", "[echo] one"]


# -- tool calls --------------------------------------------------------------------------------------------------------


def test_a_fork_at_a_tool_call_takes_its_results_along(alice: User) -> None:
    story = told(alice)
    say(story, "what time is it")
    call = say(story, [CALL], "assistant")
    remark = say(story, "quickly")
    say(story, [RESULT], "tool", tool_call_id="c1")
    say(story, "noon", "assistant")
    aside = fork(story, call)
    assert line(aside) == ["what time is it", "", "quickly", ""]
    assert len(asked(story, aside)) == 4
    with pytest.raises(ToolCallOpen):
        begin(story, commands.EditMessage, message_id=remark, content="slowly", answer=False)


def test_a_fork_waits_for_the_results_of_a_run_at_work(alice: User) -> None:
    story = told(alice)
    run = ask(story, "what time is it")
    worker = Story(story.id, SYSTEM)
    worker.tell(commands.StartRun, run_id=run)
    worker.tell(commands.RecordToolCalls, run_id=run, text="", tool_calls=[CALL])
    call = Message.objects.get(role="assistant")
    with pytest.raises(ToolCallOpen):
        fork(story, call.id)
    remark = say(story, "quickly")
    with pytest.raises(ToolCallOpen):
        begin(story, commands.EditMessage, message_id=remark, content="x")
    worker.tell(commands.EndRun, run_id=run, outcome="failed", error="away")
    aside = fork(story, call.id)
    assert asked(story, aside) == ["what time is it"], "a call without a result is not sent"


def test_a_call_named_beside_the_content_and_used_twice_is_met_by_the_result_after_it(alice: User) -> None:
    story = told(alice)
    for number in range(2):
        say(story, f"what time is it {number}")
        call = say(story, "a moment", "assistant", tool_calls=[CALL])
        say(story, "quickly")
        say(story, "noon", "tool", tool_call_id="c1")
    later = ["a moment", "quickly", "noon"]
    assert line(fork(story, call)) == ["what time is it 0", *later, "what time is it 1", *later]


def test_where_a_fork_may_begin_is_found_without_reading_what_was_said(alice: User) -> None:
    story = told(alice)
    for number in range(10):
        call = say(
            story,
            [TextPart(text="x" * 200_000), ToolCallPart(tool_call_id="c1", name="clock", args={"x": "y" * 200_000})],
            "assistant",
        )
        result = say(
            story, [ToolResultPart(tool_call_id="c1", content=str(number) * 200_000)], "tool", tool_call_id="c1"
        )
    message = Message.objects.get(id=call)
    tracemalloc.start()
    try:
        origin = after(message)
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()
    assert origin == (story.id, Message.objects.get(id=result).position)


# -- runs --------------------------------------------------------------------------------------------------------------


def test_two_forks_answer_while_main_answers(alice: User) -> None:
    story = told(alice)
    say(story, "hello")
    slow = ConfigPatch(provider_options={"delay": 0.02, "repeat": 500, "text": "word"})
    story.tell(commands.UpdateSession, config=slow)
    message = Message.objects.get()
    runs = [ask(story, "in main")]
    for text in ("one way", "another"):
        _, data = begin(story, commands.ForkConversation, message_id=message.id, input=text, answer=True)
        runs.append(UUID(str(data["run_id"])))
    for run in runs:
        assert runner.run(run)
    assert Run.objects.filter(waits=False, state__in=["queued", "running"]).count() == 3
    for run in runs:
        story.tell(commands.CancelRun, run_id=run)
    for run in runs:
        settled(run)
    conversation = Run.objects.get(id=runs[-1]).conversation_id
    ask(story, "again", conversation_id=conversation)
    with pytest.raises(SessionBusy):
        ask(story, "and again", conversation_id=conversation, on_busy="reject")
    ask(story, "but in main", on_busy="reject")


def test_a_fork_that_shares_a_picture_is_not_for_a_model_that_is_blind(alice: User) -> None:
    ModelEntry.objects.create(provider="p", model="blind", valid_from=timezone.now(), images=False)
    catalog.rows.forget()
    story = told(alice)
    picture = say(story, [ImagePart(url="https://example.org/a.png"), TextPart(text="look")])
    say(story, "later")
    fields = {"provider": "p", "model": "blind"}
    aside = fork(story, picture)
    with pytest.raises(CapabilityMissing):
        ask(story, "hello", conversation_id=aside, **fields)
    answer = say(story, "a barn", "assistant")
    with pytest.raises(CapabilityMissing):
        begin(story, commands.RegenerateMessage, message_id=answer, **fields)
    catalog.rows.forget()


def test_relevance_is_found_in_the_whole_line_and_nowhere_else(alice: User) -> None:
    story = told(alice)
    cat = say(story, "my cat is called Mia")
    say(story, "my dog is called Rex")
    aside = fork(story, cat)
    say(story, "a cat, in main")
    say(story, "the weather", conversation=aside)
    say(story, "what is my cat like", conversation=aside)
    assert set(scores(aside, 2**62)) == {cat}
