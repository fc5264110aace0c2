"""Tools of whoever asks: a call ends the run, and the next run finds the result."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from sessions_app import commands
from sessions_app.models import Message, Run
from sessions_app.values import ClientTool, Role, RunConfig, ToolResultPart
from tests.runs import ask, do, texts, told
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

WEATHER = ClientTool(name="weather", description="Of a place.", parameters={"type": "object"})
CALL: dict[str, Any] = {"name": "weather", "args": {"place": "Oslo"}}


def test_a_call_of_a_clients_tool_ends_the_run_and_its_result_is_answered_by_the_next(alice: User) -> None:
    story = told(alice, tool=CALL)
    first = do(ask(story, client_tools=[WEATHER]))
    assert (first.state, first.finish_reason) == ("completed", "tool_calls")
    said = Message.objects.get(run=first.id)
    assert [(part["name"], part["args"]) for part in said.content] == [("weather", {"place": "Oslo"})]
    result = ToolResultPart(tool_call_id=said.content[0]["tool_call_id"], content="rain")
    story.tell(commands.AddMessage, role=Role.TOOL, content=[result])
    second = do(story.tell(commands.RequestRun, client_tools=[WEATHER]).data["id"])
    assert texts(story)[-1] == ("assistant", "[echo] rain")
    assert [run.finish_reason for run in (first, second)] == ["tool_calls", "stop"]
    assert story.types().count("token-metrics-updated") == 2
    assert_replay_rebuilds_the_same_rows()


def test_a_clients_tool_stands_in_place_of_the_servers_of_that_name(alice: User) -> None:
    own = ClientTool(name="calculator")
    story = told(alice, tools=["calculator"], tool={"name": "calculator", "args": {"expression": "6*7"}})
    run = do(ask(story, client_tools=[own]))
    assert (run.finish_reason, run.tools) == ("tool_calls", [])
    again = Run.objects.get(id=story.tell(commands.RetryRun, run_id=run.id).data["id"])
    assert again.client_tools == run.client_tools == [{"name": "calculator"}]


def test_a_run_may_have_its_own_system_prompt_and_options(alice: User) -> None:
    story = told(alice)
    run = do(ask(story, "x", config=RunConfig(system_prompt="Be brief.", provider_options={"text": "own"})))
    assert texts(story)[-1] == ("assistant", "[echo] own")
    assert run.prompt_tokens == 4  # `Be brief.` and `x`, as the provider counts
