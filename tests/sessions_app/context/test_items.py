"""From stored messages to items."""

from typing import Any

import msgspec
import pytest

from bus.messages import uuid7
from sessions_app import commands
from sessions_app.llm.context.items import covered, item_of
from sessions_app.llm.context.plan import Item
from sessions_app.models import Message
from sessions_app.values import Role, ToolResultPart, parts
from tests.sessions_app.context.support import call
from tests.story import Story


def added(story: Story, **fields: Any) -> Item:
    """The item of a message that was added."""
    message = story.tell(commands.AddMessage, **fields).data["id"]
    return item_of(Message.objects.get(id=message))


def test_a_message_becomes_an_item(story: Story) -> None:
    item = added(story, content="hello", metadata={"pinned": True, "excluded": "yes"})
    assert (item.role, item.content, item.tokens, item.position) == (Role.USER, parts("hello"), 6, 2)
    assert (item.pinned, item.excluded) == (True, False)


def test_tool_calls_beside_the_content_become_parts(story: Story) -> None:
    item = added(story, role="assistant", content=[call("c1")], tool_calls=[call("c1"), call("c2")])
    assert item.content == [call("c1"), call("c2")]


def test_the_text_of_a_tool_message_becomes_its_result(story: Story) -> None:
    item = added(story, role="tool", content="found", tool_call_id="c1")
    assert item.content == [ToolResultPart(tool_call_id="c1", content="found")]


def test_a_summary_covers_what_its_metadata_names(story: Story) -> None:
    ids = [uuid7(), uuid7()]
    metadata = {"is_summary": True, "summarized_messages": [str(one) for one in ids]}
    assert added(story, role="summary", content="short", metadata=metadata).covers == frozenset(ids)
    assert added(story, role="user", content="short", metadata=metadata).covers == frozenset()


@pytest.mark.parametrize("named", [None, 7, "x", ["x"], {"a": 1}, [[]]])
def test_metadata_of_another_shape_covers_nothing(named: object) -> None:
    assert covered({"summarized_messages": named}) == frozenset()


def test_an_item_can_be_told_to_the_api() -> None:
    item = Item(id=uuid7(), position=1, role=Role.USER, content=parts("a"), tokens=5)
    assert msgspec.json.decode(msgspec.json.encode(item))["role"] == "user"
