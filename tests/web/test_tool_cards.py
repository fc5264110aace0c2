"""Tool calls on the session's page: a card with arguments, result, and the question whether the tool may run."""

import re
from typing import Any
from uuid import UUID

from django.test import Client

from sessions_app import commands
from sessions_app.llm.base import Usage
from sessions_app.models import Message, Run
from sessions_app.values import ToolResultPart
from tests.story import Story
from tests.web.session_page import CALL, STOP, page_of, started

BUTTON = '<button type="button" class="quiet" data-command="decide-tool-call" data-approve="{}">{}</button>'


def called(story: Story, worker: Story, **more: Any) -> UUID:
    """A run that has asked for a tool."""
    run = started(story, worker)
    worker.tell(commands.RecordToolCalls, run_id=run, text="let me see", tool_calls=[CALL], usage=Usage(), **more)
    return run


def test_a_tool_call_is_a_card_with_its_result_and_the_run_goes_on(
    alice_client: Client, story: Story, worker: Story
) -> None:
    run = called(story, worker)
    page = page_of(alice_client, story)
    assert '<div class="part card" data-call="c1" data-state="open">' in page
    assert '<span class="label">tool call: clock</span>' in page
    assert '&quot;zone&quot;</span>: <span class="s">&quot;&lt;UTC&gt;&quot;</span>' in page
    assert (page.count("data-open"), page.count(STOP)) == (1, 1), "the run is at work although it has said something"
    results = [ToolResultPart(tool_call_id="c1", content="<noon>")]
    worker.tell(commands.RecordToolResults, run_id=run, results=results)
    page = page_of(alice_client, story)
    answer = Message.objects.get(role="tool").id
    said = '<span class="label">tool result</span><pre class="text" tabindex="0">&lt;noon&gt;</pre>'
    assert re.search(rf'<div class="result" data-message-id="{answer}">{said}\s*</div></div>', page)
    assert page.count(str(answer)) == 1, "the result is no line of its own"
    assert 'data-role="tool"' not in page
    assert "data-open" in page


def test_a_result_without_its_call_is_a_line_of_its_own(alice_client: Client, story: Story) -> None:
    result = ToolResultPart(tool_call_id="c9", content="found")
    story.tell(commands.AddMessage, role="tool", content=[result], tool_call_id="c9")
    page = page_of(alice_client, story)
    assert 'data-role="tool"' in page
    assert '<span class="label">tool result</span><pre class="text" tabindex="0">found</pre>' in page


def test_the_question_whether_a_tool_may_run_survives_a_reload(
    alice_client: Client, story: Story, worker: Story
) -> None:
    run = called(story, worker, needs_approval=["c1"])
    question = BUTTON.format("true", "Allow") + BUTTON.format("false", "Deny")
    for _ in range(2):
        page = page_of(alice_client, story)
        assert question in page
        assert '<span class="mark">waiting for a decision</span>' in page
    story.tell(commands.DecideToolCall, run_id=run, tool_call_id="c1", approve=False)
    page = page_of(alice_client, story)
    assert '<div class="actions decision"><span class="mark">denied</span></div>' in page
    assert "decide-tool-call" not in page


def test_nothing_is_to_decide_in_a_run_that_was_cancelled(alice_client: Client, story: Story, worker: Story) -> None:
    run = called(story, worker, needs_approval=["c1"])
    story.tell(commands.CancelRun, run_id=run)
    assert Run.objects.get().decisions == {"c1": None}
    assert "decide-tool-call" not in page_of(alice_client, story)
