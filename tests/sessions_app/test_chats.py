"""Clients that send the whole conversation with every call: what is known is not added again, what differs forks."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from bus.bus import bus
from bus.exceptions import Invalid, NotFound
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.commands.chats import Line
from sessions_app.models import Conversation, Message, Session
from sessions_app.values import ClientTool, Metadata, Role, RunConfig, ToolCallPart, ToolResultPart, parts
from tests.conversations import line
from tests.runs import do, told
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

ECHO: dict[str, Any] = {"provider": "echo", "model": "echo"}
OPTIONS: Metadata = {"delay": 0}


def said(*texts: str) -> list[Line]:
    """A conversation: the user, the assistant, and so on by turns."""
    roles = (Role.USER, Role.ASSISTANT)
    return [Line(role=roles[number % 2], content=parts(text)) for number, text in enumerate(texts)]


def answered(story: Story, lines: list[Line], **more: Any) -> dict[str, UUID]:
    """The ids of an answered call."""
    data = story.tell(commands.GoOnWithChat, lines=lines, **ECHO, **more).data
    do(data["id"])
    return {name: UUID(str(ident)) for name, ident in data.items()}


def test_a_session_begins_with_what_the_client_says_and_goes_on_with_what_is_new(alice: User) -> None:
    config = RunConfig(system_prompt="Be brief.", provider_options=OPTIONS)
    start = commands.StartChat(lines=said("one"), title="one", config=config, **ECHO)
    context = Context(actor=Actor("user", str(alice.pk)), idempotency_key="k")
    made = bus.execute(start, context)
    assert bus.execute(start, context).data == made.data
    do(made.data["id"])
    session = Session.objects.get(id=made.data["session_id"])
    assert (session.owner, session.title, session.config["system_prompt"]) == (alice, "one", "Be brief.")
    story = Story(session.id, context.actor)
    data = answered(story, said("one", "[echo] one", "two"), config=config)
    assert data["conversation_id"] == session.id
    assert line(session.id) == ["Be brief.", "one", "[echo] one", "two", "[echo] two"]
    assert Session.objects.get().runs.latest("id").config == {"provider_options": OPTIONS}
    assert_replay_rebuilds_the_same_rows()


def test_where_the_client_tells_it_otherwise_the_conversation_forks_and_is_found_again(alice: User) -> None:
    story = told(alice)
    for lines in (said("one"), said("one", "[echo] one", "two")):
        answered(story, lines)
    other = answered(story, said("one", "[echo] one", "or"))["conversation_id"]
    assert line(other) == ["one", "[echo] one", "or", "[echo] or"]
    assert line(story.id) == ["one", "[echo] one", "two", "[echo] two"]
    assert answered(story, said("one", "[echo] one", "or", "[echo] or ", "on"))["conversation_id"] == other
    again = answered(story, said("one"))["conversation_id"]
    assert line(again) == ["one", "[echo] one"]
    assert Conversation.objects.get(id=again).parent == story.id
    apart = answered(story, said("else"))["conversation_id"]
    assert (line(apart), Conversation.objects.get(id=apart).parent) == (["else", "[echo] else"], None)
    with pytest.raises(NotFound):
        story.tell(commands.GoOnWithChat, lines=said("one"), conversation_id=UUID(int=1), **ECHO)
    assert_replay_rebuilds_the_same_rows()


def test_while_somebody_is_answered_the_next_call_is_answered_beside_it(alice: User) -> None:
    story = told(alice)
    first = story.tell(commands.GoOnWithChat, lines=said("one"), **ECHO).data
    second = story.tell(commands.GoOnWithChat, lines=said("one"), **ECHO).data
    assert first["conversation_id"] != second["conversation_id"]
    for data in (first, second):
        do(data["id"])
    assert line(UUID(second["conversation_id"])) == ["one", "[echo] one"]


def test_a_client_sees_one_answer_where_the_server_used_tools_of_its_own(alice: User) -> None:
    call = {"name": "calculator", "args": {"expression": "6*7"}}
    story = told(alice, tools=["calculator"], tool=call)
    answered(story, said("what?"))
    assert answered(story, said("what?", "[echo] 42", "why?"))["conversation_id"] == story.id
    weather = ClientTool(name="weather")
    own: dict[str, Any] = {"client_tools": [weather], "server_tools": False}
    aside = told(alice, tool={"name": "weather", "args": {"place": "Oslo"}})
    answered(aside, said("rain?"), **own)
    made = Message.objects.get(session=aside.id, role="assistant").content[0]
    asks = ToolCallPart(tool_call_id=made["tool_call_id"], name="weather", args={"place": "Oslo"})
    result = ToolResultPart(tool_call_id=asks.tool_call_id, content="much")
    lines = [*said("rain?"), Line(role=Role.ASSISTANT, content=[asks]), Line(role=Role.TOOL, content=[result])]
    assert answered(aside, lines, **own)["conversation_id"] == aside.id
    assert line(aside.id)[-1] == "[echo] much"
    assert_replay_rebuilds_the_same_rows()


def test_a_long_conversation_comes_at_once_but_not_without_end(alice: User) -> None:
    story = told(alice)
    answered(story, said(*"x" * 301))
    assert len(line(story.id)) == 302
    with pytest.raises(Invalid, match="1001 messages"):
        told(alice).tell(commands.GoOnWithChat, lines=said(*"x" * 1001), **ECHO)
