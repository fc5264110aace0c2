"""What the session's page says of runs after a reload: what waits, is at work, has ended."""

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from sessions_app import commands
from sessions_app.models import Message, Run
from sessions_app.pages.transcript import REASONS
from tests.runs import ask
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.session_page import CALL, STOP, ended, page_of, started

REMOVE = 'data-command="cancel-run">Remove<'
AGAIN = 'data-command="retry-run"'
GO_ON = 'data-command="continue-run"'


# -- answers to come ---------------------------------------------------------------------------------------------------


def test_a_run_at_work_can_be_stopped_once(alice_client: Client, story: Story, worker: Story) -> None:
    run = started(story, worker)
    page = page_of(alice_client, story)
    assert (page.count("data-open"), page.count(STOP), page.count(AGAIN)) == (1, 1, 0)
    story.tell(commands.CancelRun, run_id=run)
    page = page_of(alice_client, story)
    assert '<span class="mark">stopping…</span>' in page
    assert STOP not in page


def test_a_waiting_run_shows_what_it_will_answer_and_can_be_removed(
    alice_client: Client, story: Story, worker: Story
) -> None:
    first = started(story, worker, "first")
    second = ask(story, "then <this>")
    page = page_of(alice_client, story)
    waiting = page[page.index(f'data-waits data-run-id="{second}"') : page.index("<template data-chip")]
    assert '<span class="words">then &lt;this&gt;</span>' in waiting
    assert (page.count(STOP), waiting.count(REMOVE)) == (1, 1)
    worker.tell(commands.EndRun, run_id=first, outcome="completed", text="done")
    page = page_of(alice_client, story)
    assert 'data-waits data-run-id="0' not in page
    assert f'data-role="assistant" data-run-id="{second}"' in page
    assert page.count("then &lt;this&gt;") == 1


def test_a_run_that_is_removed_before_its_turn_leaves_nothing(
    alice_client: Client, story: Story, worker: Story
) -> None:
    started(story, worker)
    waiting = ask(story, "never mind")
    story.tell(commands.CancelRun, run_id=waiting)
    page = page_of(alice_client, story)
    assert "never mind" not in page
    assert str(waiting) not in page


def test_a_failure_that_passes_says_why_the_run_waits(alice_client: Client, story: Story, worker: Story) -> None:
    run = started(story, worker)
    worker.tell(commands.PostponeRun, run_id=run, delay=2.0, code="rate-limited", error="slow down")
    assert '<span class="mark">trying again: rate-limited</span>' in page_of(alice_client, story)
    worker.tell(commands.StartRun, run_id=run)
    assert '<span class="mark">answering…</span>' in page_of(alice_client, story)


def test_what_was_tried_again_is_forgotten_once_it_went_on(alice_client: Client, story: Story, worker: Story) -> None:
    run = started(story, worker)
    worker.tell(commands.PostponeRun, run_id=run, delay=2.0, code="rate-limited", error="slow down")
    worker.tell(commands.StartRun, run_id=run)
    worker.tell(commands.RecordToolCalls, run_id=run, text="", tool_calls=[CALL], needs_approval=["c1"])
    story.tell(commands.DecideToolCall, run_id=run, tool_call_id="c1", approve=True)
    page = page_of(alice_client, story)
    assert '<span class="mark">waiting for a worker…</span>' in page
    assert '<span class="mark">allowed</span>' in page


# -- what became of runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "how", "said", "buttons"),
    [
        ("failed", {"error": "the model is <away>"}, "No answer: the model is &lt;away&gt;", (AGAIN,)),
        ("interrupted", {}, "No answer: it was interrupted.", (AGAIN,)),
        ("interrupted", {"text": "half"}, "The answer was cut off.", (GO_ON, AGAIN)),
        ("incomplete", {"text": "half", "reason": "length"}, REASONS["length"], (GO_ON, AGAIN)),
        ("incomplete", {"text": "half", "reason": "cancelled"}, "Stopped.", (GO_ON, AGAIN)),
        ("incomplete", {"reason": "steps"}, REASONS["steps"], (AGAIN,)),
        ("cancelled", {}, "Cancelled.", (AGAIN,)),
    ],
)
def test_an_answer_that_is_missing_or_not_whole_can_be_had_again(
    alice_client: Client,
    story: Story,
    worker: Story,
    outcome: str,
    how: dict[str, Any],
    said: str,
    buttons: tuple[str, ...],
) -> None:
    run = ended(story, worker, outcome, **how)
    page = page_of(alice_client, story)
    (note,) = re.findall(rf'<p class="note[^>]*data-run-id="{run}"[^>]*>(.*?)</p>', page)
    assert note.startswith(said.replace("'", "&#x27;"))
    assert tuple(re.findall(r'data-command="(?:retry|continue)-run"', note)) == buttons
    assert "data-open" not in page
    assert page.count('<span class="mark">incomplete</span>') == ("text" in how)


def test_a_note_stands_behind_the_last_words_of_its_run(alice_client: Client, story: Story, worker: Story) -> None:
    ended(story, worker, "interrupted", text="half an answer")
    story.tell(commands.AddMessage, content="said later")
    page = page_of(alice_client, story)
    assert page.index("half an answer") < page.index("The answer was cut off.") < page.index("said later")


@pytest.mark.parametrize("command", [commands.RetryRun, commands.ContinueRun])
def test_what_is_done_again_is_not_offered_again(
    alice_client: Client, story: Story, worker: Story, command: Any
) -> None:
    run = ended(story, worker, "interrupted", text="half an answer")
    story.tell(command, run_id=run)
    page = page_of(alice_client, story)
    assert "The answer was cut off." not in page
    assert AGAIN not in page
    assert page.count("data-open") == 1
    assert_replay_rebuilds_the_same_rows()


def test_a_try_that_fails_too_is_the_one_that_can_be_tried_again(
    alice_client: Client, story: Story, worker: Story
) -> None:
    first = ended(story, worker, "interrupted", text="half an answer")
    run = first
    for number in range(3):
        run = UUID(str(story.tell(commands.RetryRun, run_id=run).data["id"]))
        page = page_of(alice_client, story)
        assert f'data-run-id="{run}" data-position="3" data-first="{first}" data-open' in page
        worker.tell(commands.StartRun, run_id=run)
        worker.tell(commands.EndRun, run_id=run, outcome="failed", error=f"away {number}")
        page = page_of(alice_client, story)
        assert (page.count(AGAIN), page.count(f"No answer: away {number}")) == (1, 1)
        assert "data-superseded" not in page, "nothing has come instead"
    run = UUID(str(story.tell(commands.RetryRun, run_id=run).data["id"]))
    worker.tell(commands.StartRun, run_id=run)
    worker.tell(commands.EndRun, run_id=run, outcome="completed", text="the whole answer")
    page = page_of(alice_client, story)
    assert AGAIN not in page
    assert page.count("data-superseded") == page.count('<span class="mark">incomplete, replaced</span>') == 1
    assert_replay_rebuilds_the_same_rows()


def test_a_continuation_that_is_tried_again_still_goes_on(story: Story, worker: Story) -> None:
    first = ended(story, worker, "interrupted", text="half an answer")
    second = UUID(str(story.tell(commands.ContinueRun, run_id=first).data["id"]))
    worker.tell(commands.StartRun, run_id=second)
    worker.tell(commands.EndRun, run_id=second, outcome="failed", error="away")
    third = UUID(str(story.tell(commands.RetryRun, run_id=second).data["id"]))
    assert Run.objects.get(id=third).continues == first


def test_the_answer_at_work_stands_before_what_waits(alice_client: Client, story: Story, worker: Story) -> None:
    first = started(story, worker, "first")
    waiting = ask(story, "second")
    worker.tell(commands.EndRun, run_id=first, outcome="failed", error="away")
    worker.tell(commands.StartRun, run_id=waiting)  # requested with a later version than what waits now
    story.tell(commands.CancelRun, run_id=ask(story, "gone"))
    last = ask(story, "third")
    page = page_of(alice_client, story)
    assert page.index(f'data-run-id="{waiting}" data-position') < page.index(f'data-run-id="{last}"')


def test_an_earlier_page_has_nothing_to_press(alice_client: Client, story: Story, worker: Story) -> None:
    ended(story, worker, "failed", error="away")
    position = Message.objects.get().position
    story.tell(commands.AddMessage, content="later")
    page = page_of(alice_client, story, f"?before={position + 3}")
    assert "No answer: away" in page
    assert "<button type=" not in page[page.index("<main") : page.index("</main>")]
