"""Runs from the request to their end, done as a worker does them, by the echo provider's scripts."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.exceptions import AlreadyExists
from bus.messages import SYSTEM
from bus.models import Work
from bus.work import runner
from sessions_app import commands
from sessions_app.handlers.runs import RunEnded, RunNotReady, SessionBusy
from sessions_app.llm import chunks, tools
from sessions_app.models import Message, Run, RunChunk, Session
from sessions_app.values import ConfigPatch, text_of, to_content
from tests.runs import ask, do, settled, texts, told, until
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

SLOW: Any = {"delay": 0.02, "repeat": 500, "text": "word"}


def begin(story: Story, **more: Any) -> UUID:
    """A run that has said something and goes on."""
    run = ask(story, **more)
    assert runner.run(run)
    until(run, state="running")
    end = time.monotonic() + 10
    while not RunChunk.objects.filter(run=run).exists():
        assert time.monotonic() < end, "nothing was stored"
        time.sleep(0.01)
    return run


def test_a_run_answers_and_counts_what_it_used(alice: User) -> None:
    story = told(alice)
    run = do(ask(story))
    assert (run.state, run.attempt, run.finish_reason) == ("completed", 1, "stop")
    assert texts(story) == [("user", "hello"), ("assistant", "[echo] hello")]
    session = Session.objects.get(id=story.id)
    assert (run.prompt_tokens, run.completion_tokens) == (session.prompt_tokens, session.completion_tokens)
    assert run.first_token is not None
    assert not RunChunk.objects.exists()
    assert Work.objects.get(id=run.id).state == "done"
    assert_replay_rebuilds_the_same_rows()


def test_of_three_requests_one_runs_and_the_others_wait_for_their_turn(alice: User) -> None:
    story = told(alice)
    first, second, third = ask(story, "one"), ask(story, "two"), ask(story, "three")
    assert texts(story) == [("user", "one")]
    assert [Run.objects.get(id=run).waits for run in (first, second, third)] == [False, True, True]
    story.tell(commands.ChangeQueuedRun, run_id=third, input="3")
    for run in (first, second, third):
        assert do(run).state == "completed"
    said = [text for role, text in texts(story) if role == "user"]
    assert said == ["one", "two", "3"]
    assert [text for role, text in texts(story) if role == "assistant"] == ["[echo] one", "[echo] two", "[echo] 3"]
    assert_replay_rebuilds_the_same_rows()


def test_a_busy_conversation_can_be_refused_and_a_waiting_run_removed(alice: User) -> None:
    story = told(alice)
    first = ask(story, "one")
    with pytest.raises(SessionBusy):
        ask(story, "two", on_busy="reject")
    second, third = ask(story, "two"), ask(story, "three")
    story.tell(commands.CancelRun, run_id=second)
    assert Run.objects.get(id=second).state == "cancelled"
    assert do(first).state == do(third).state == "completed"
    assert [text for role, text in texts(story) if role == "user"] == ["one", "three"]
    with pytest.raises(RunEnded):
        story.tell(commands.CancelRun, run_id=second)
    with pytest.raises(RunNotReady):
        story.tell(commands.RetryRun, run_id=second)


def test_interrupting_stops_the_run_at_work_and_comes_before_those_that_wait(alice: User) -> None:
    story = told(alice, **SLOW)
    first = begin(story)
    waiting = ask(story, "later")
    now = ask(story, "now", on_busy="interrupt")
    assert settled(first).state == "incomplete"
    assert Run.objects.get(id=first).finish_reason == "cancelled"
    assert [Run.objects.get(id=run).waits for run in (now, waiting)] == [False, True]
    story.tell(commands.CancelRun, run_id=now)
    assert Run.objects.get(id=waiting).waits is False


def test_a_cancelled_run_keeps_what_it_had_said(alice: User) -> None:
    story = told(alice, **SLOW)
    run = begin(story)
    asked = time.monotonic()
    story.tell(commands.CancelRun, run_id=run)
    ended = settled(run)
    assert time.monotonic() - asked < 2
    assert (ended.state, ended.finish_reason) == ("incomplete", "cancelled")
    message = Message.objects.get(run=run, role="assistant")
    assert message.id == ended.message
    assert text_of(to_content(message.content)).startswith("[echo] word word")
    assert message.metadata == {"incomplete": True}
    assert ended.completion_tokens
    assert story.types().count("run-incomplete") == 1
    assert not RunChunk.objects.exists()
    with pytest.raises(RunEnded):
        story.tell(commands.CancelRun, run_id=run)
    assert_replay_rebuilds_the_same_rows()


def test_a_run_cancelled_before_a_worker_has_it_never_runs(alice: User) -> None:
    story = told(alice)
    run = ask(story)
    story.tell(commands.CancelRun, run_id=run)
    assert not runner.run(run)
    assert Run.objects.get(id=run).state == "cancelled"
    assert [role for role, _ in texts(story)] == ["user"]
    assert Work.objects.get(id=run).state == "cancelled"


def test_a_permanent_failure_ends_the_run_at_once(alice: User) -> None:
    story = told(alice, error="authentication")
    run = do(ask(story))
    assert (run.state, run.error_code, run.failures) == ("failed", "authentication", [])


def test_a_passing_failure_is_tried_again_later_and_then_given_up(alice: User, settings: Settings) -> None:
    settings.RUN_RETRY_PAUSE = 0.01
    story = told(alice, error="unavailable", permanent=False)
    run = ask(story)
    tries = 0
    while not (ended := Run.objects.get(id=run)).finished_at:
        if runner.run(run):
            settled(run)
            tries += 1
        time.sleep(0.005)  # the pause before the next try is the product's
    assert (ended.state, ended.error_code, tries) == ("failed", "unavailable", 5)
    assert [failure["code"] for failure in ended.failures] == ["unavailable"] * 4
    assert_replay_rebuilds_the_same_rows()


def test_a_provider_that_asks_for_patience_gets_it(alice: User) -> None:
    story = told(alice, error="rate-limited", permanent=False, retry_after=120.0)
    run = do(ask(story))
    assert run.state == "queued"
    work = Work.objects.get(id=run.id)
    assert (work.run_after - Run.objects.get(id=run.id).started_at).total_seconds() > 115  # type: ignore[operator]


@pytest.mark.parametrize("on_interrupt", ["keep", "retry"])
def test_an_answer_that_breaks_off_is_kept_or_tried_again(alice: User, on_interrupt: str) -> None:
    story = told(alice, text="one two three", fail=2, error="network", permanent=False)
    run = do(ask(story, on_interrupt=on_interrupt))
    if on_interrupt == "keep":
        assert run.state == "interrupted"
        assert texts(story)[-1] == ("assistant", "[echo] one")
        assert run.completion_tokens
    else:
        assert (run.state, len(run.failures)) == ("queued", 1)
        assert texts(story)[-1] == ("user", "hello")


def test_what_a_dead_worker_left_behind_ends_interrupted_or_begins_anew(alice: User) -> None:
    for on_interrupt, state in (("keep", "interrupted"), ("retry", "completed")):
        story = told(alice)
        run = ask(story, on_interrupt=on_interrupt)
        Story(story.id, SYSTEM).tell(commands.StartRun, run_id=run)
        Work.objects.filter(id=run).update(state="running", fence=1, attempts=1, lease_until="2020-01-01T00:00:00Z")
        chunks.insert([(run, 1, 1, 1, "left behind")])
        assert do(run).state == state
        assert texts(story)[-1][1] == ("left behind" if state == "interrupted" else "[echo] hello")


def test_a_retry_answers_the_same_question_and_hides_the_first_answer(alice: User) -> None:
    story = told(alice, finish="length")
    first = do(ask(story))
    assert (first.state, first.finish_reason) == ("incomplete", "length")
    story.tell(commands.AddMessage, content="a later remark")
    again = UUID(str(story.tell(commands.RetryRun, run_id=first.id).data["id"]))
    assert do(again).state == "incomplete"
    assert texts(story)[-1] == ("assistant", "[echo] hello")
    hidden = Message.objects.get(run=first.id)
    assert hidden.metadata["superseded_by"] == str(again)


def test_a_cut_off_answer_is_continued(alice: User) -> None:
    story = told(alice, finish="length")
    first = do(ask(story))
    story.tell(commands.UpdateSession, config=ConfigPatch(provider_options={"finish": None}))
    rest = UUID(str(story.tell(commands.ContinueRun, run_id=first.id).data["id"]))
    assert do(rest).state == "completed"
    assert "Go on exactly where" in texts(story)[-1][1], "the echo repeats what it was asked last"
    with pytest.raises(RunNotReady):
        story.tell(commands.ContinueRun, run_id=rest)


def test_a_run_has_the_id_it_is_given_once(alice: User) -> None:
    story = told(alice)
    ident = ask(story)
    do(ident)
    with pytest.raises(AlreadyExists):
        ask(story, run_id=ident)


def test_a_worker_that_stops_hands_back_what_has_not_begun_to_speak(alice: User) -> None:
    story = told(alice, **SLOW)
    speaking = begin(story)
    begun, leave = threading.Event(), threading.Event()

    def dawdle() -> str:
        """Takes its time."""
        begun.set()
        leave.wait(10)
        return "done"

    tools.default.tool()(dawdle)
    try:
        silent = ask(told(alice, tools=["dawdle"], tool={"name": "dawdle"}))
        assert runner.run(silent)
        assert begun.wait(10)
        runner.drain(patience=0.0, after=5.0)
    finally:
        leave.set()
        del tools.default.tools["dawdle"]
    assert settled(speaking).state == "interrupted"
    work = Work.objects.get(id=silent)
    assert (work.state, work.attempts) == ("queued", 0)
