"""Document 003: the values of its tests, and its demo. Each test quotes the line of the contract it is about."""

import json
import re
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.core.management import call_command

from bus.bus import bus
from bus.exceptions import AlreadyExists, Invalid, NotFound
from bus.messages import SYSTEM
from bus.registry import default
from sessions_app import commands, events
from sessions_app.models import Message, Session
from sessions_app.values import (
    ConfigPatch,
    Content,
    MetricsPatch,
    Role,
    SessionConfig,
    TokenMetrics,
    ToolCallPart,
)
from tests.contract.test_003_values import PARTS
from tests.story import Story, assert_replay_rebuilds_the_same_rows

GPT_4 = SessionConfig(provider="openai", model="gpt-4")
ASSISTED = SessionConfig(provider="openai", model="gpt-4", system_prompt="You are a helpful assistant", temperature=0.7)


def new(config: SessionConfig = GPT_4, **fields: Any) -> Story:
    """A session of the system's."""
    return Story(bus.execute(commands.CreateSession(config=config, **fields)).data["id"], SYSTEM)


def test_a_message_has_many_parts_and_its_tool_calls(db: None) -> None:
    """A message has many parts, `tool_call_id?`, `tool_calls?`, `metadata?`."""
    story = new()
    content: Content = [part for _, part in PARTS]
    call = ToolCallPart(tool_call_id="call-1", name="search", args={"q": [1, None]})
    story.tell(commands.AddMessage, content=content, role=Role.ASSISTANT, tool_calls=[call], metadata={"a": 1})
    story.tell(commands.AddMessage, content="found", role=Role.TOOL, tool_call_id="call-1")
    said, answer = Message.objects.order_by("position")
    assert said.content == [plain for plain, _ in PARTS]
    assert (said.tool_calls, said.metadata) == ([msgspec.to_builtins(call)], {"a": 1})
    assert (answer.role, answer.tool_call_id) == ("tool", "call-1")
    assert_replay_rebuilds_the_same_rows()


def test_a_session_is_created_with_zeroed_metrics_its_window_and_its_system_message(db: None) -> None:
    """Factory: creating a session zeroes the metrics, takes the window from the model and adds the system message."""
    row = Session.objects.get(id=new(ASSISTED).id)
    assert row.config == msgspec.to_builtins(ASSISTED)
    assert (row.is_active, row.message_count) == (True, 1)
    assert row.metrics == TokenMetrics(max_context_window=8192, context_utilization=0.0)
    message = Message.objects.get(session_id=row.id)
    assert (message.role, message.content) == ("system", [{"type": "text", "text": "You are a helpful assistant"}])
    assert row.created_at == row.updated_at
    assert row.created_at.utcoffset() == timedelta(0)


def test_without_a_system_prompt_there_is_no_message(db: None) -> None:
    """createSession should not add system message if not provided."""
    assert Session.objects.get(id=new().id).message_count == 0


def test_getting_what_is_absent_gives_nothing(db: None) -> None:
    """Repository behaviour: get (nothing if absent) · exists."""
    assert bus.execute(commands.GetSession(session_id=uuid4())).data is None
    story = new(ASSISTED)
    found = story.tell(commands.GetSession).data
    assert (found["id"], found["config"]["model"], found["message_count"]) == (str(story.id), "gpt-4", 1)


def test_creating_with_a_taken_id_is_refused(db: None) -> None:
    """Repository behaviour: … create ("already exists")."""
    story = new()
    with pytest.raises(AlreadyExists, match="Session already exists with ID"):
        bus.execute(commands.CreateSession(session_id=story.id))


def test_updating_merges_deeply_and_keeps_the_rest(db: None) -> None:
    """Repository behaviour: … update (deep-merges config and metrics; "not found")."""
    story = new(SessionConfig(provider="openai", model="gpt-4", provider_options={"a": {"b": 1, "c": 2}}))
    patch = ConfigPatch(temperature=0.8, provider_options={"a": {"c": 3, "d": 4}})
    story.tell(commands.UpdateSession, config=patch, is_active=False, metrics=MetricsPatch(prompt_tokens=7))
    row = Session.objects.get(id=story.id)
    assert (row.config["provider"], row.config["model"], row.config["temperature"]) == ("openai", "gpt-4", 0.8)
    assert row.config["provider_options"] == {"a": {"b": 1, "c": 3, "d": 4}}
    assert (row.is_active, row.prompt_tokens, row.completion_tokens) == (False, 7, 0)
    story.tell(commands.UpdateSession, config=ConfigPatch(temperature=None))
    assert "temperature" not in Session.objects.get(id=story.id).config
    with pytest.raises(Invalid):
        story.tell(commands.UpdateSession, config=ConfigPatch(model=None))  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="Session not found with ID"):
        bus.execute(commands.UpdateSession(session_id=uuid4(), is_active=False))
    assert_replay_rebuilds_the_same_rows()


def test_deleting_says_whether_there_was_something(db: None) -> None:
    """Repository behaviour: … delete → bool. Delete publishes only if something was deleted."""
    story = new()
    result = story.tell(commands.DeleteSession)
    assert (result.data, [event.type for event in result.events]) == (True, ["session-deleted"])
    again = story.tell(commands.DeleteSession)
    assert (again.success, again.data, again.events) == (True, False, ())
    assert bus.execute(commands.DeleteSession(session_id=uuid4())).data is False
    assert story.tell(commands.GetSession).data is None


def test_messages_are_added_and_updated(db: None) -> None:
    """Repository behaviour: … get/add/update message ("message not found")."""
    story = new()
    message = story.tell(commands.AddMessage, content="Hello, assistant!").data["id"]
    story.tell(commands.UpdateMessage, message_id=message, metadata={"edited": True})
    row = Message.objects.get(id=message)
    assert (row.role, row.metadata, row.content[0]["text"]) == ("user", {"edited": True}, "Hello, assistant!")
    with pytest.raises(NotFound, match="Message not found with ID"):
        story.tell(commands.UpdateMessage, message_id=uuid4(), content="x")
    for command in (
        commands.AddMessage(session_id=uuid4(), content="x"),
        commands.UpdateMessage(session_id=uuid4(), message_id=uuid4()),
    ):
        with pytest.raises(NotFound, match="Session not found with ID"):
            bus.execute(command)
    assert_replay_rebuilds_the_same_rows()


def test_sessions_are_listed_shortly(db: None) -> None:
    """`SessionInfo` for lists `{id, provider, model, created_at, updated_at, message_count, is_active}`."""
    one, two = new(), new(SessionConfig(provider="anthropic", model="claude-3-opus"))
    second, first = bus.execute(commands.ListSessions()).data
    assert (first["id"], first["provider"], first["model"]) == (str(one.id), "openai", "gpt-4")
    assert (second["id"], second["provider"], second["model"]) == (str(two.id), "anthropic", "claude-3-opus")
    assert {"created_at", "updated_at", "message_count", "is_active"} < first.keys()


EVENTS = """session-created session-updated session-deleted message-added message-updated token-metrics-updated
session-config-updated context-window-critical"""
COMMANDS = """create-session get-session update-session delete-session add-message update-message list-sessions
update-token-metrics"""


def test_the_vocabulary_is_complete_and_every_command_has_its_handler() -> None:
    """Events `session-created …`; commands `create-session …`; one handler each."""
    assert set(EVENTS.split()) <= default.events.keys()
    for name in COMMANDS.split():
        assert default.commands[name] in default.handlers


@pytest.mark.django_db(transaction=True)
def test_events_are_told_only_after_the_write() -> None:
    """`CommandResult{success, data?, error?}`; events only after the write."""
    seen: list[int] = []

    def look(event: events.MessageAdded) -> None:
        seen.append(Message.objects.filter(id=event.message_id).count())

    end = bus.on(events.MessageAdded, look)
    try:
        story = new()
        result = story.tell(commands.AddMessage, content="hello")
        with pytest.raises(NotFound):
            story.tell(commands.UpdateMessage, message_id=uuid4())
    finally:
        end()
    assert (result.success, result.error, seen) == (True, None, [1])


def test_the_documents_token_values(db: None) -> None:
    """Commands … `update-token-metrics` (UpdateTokenMetricsCommand can be created with partial token metrics)."""
    story = new()
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=100, completion_tokens=50)
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=100)
    story.tell(commands.UpdateTokenMetrics, completion_tokens=50)
    metrics = story.tell(commands.UpdateTokenMetrics).data
    assert (metrics["prompt_tokens"], metrics["completion_tokens"], metrics["total_tokens"]) == (200, 100, 300)
    assert metrics["context_utilization"] == 300 / 8192


def test_context_window_critical_above_80_percent(db: None) -> None:
    """`context-window-critical` above 80 %."""
    story = new()
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=7373)
    critical = default.open(story.events()[-1])
    assert isinstance(critical, events.ContextWindowCritical)
    assert (round(critical.utilization, 2), critical.max_context_window) == (0.9, 8192)


DEMO = """Creating session...
[Event] Session created: ID
Session created with ID: ID
Adding user message...
[Event] Message added: user
Adding assistant message...
[Event] Message added: assistant
Updating token metrics...
[Event] Token metrics updated: 130 tokens total
Updating token metrics to trigger critical event...
[Event] Token metrics updated: 7130 tokens total
[Event] Context window critical: 87% full
Listing sessions...
Found 1 sessions
JSON

Event Summary:
Total events: 6
Event counts by type:
  session-created: 1
  message-added: 2
  token-metrics-updated: 2
  context-window-critical: 1
"""


@pytest.mark.django_db(transaction=True)
def test_the_demo_tells_the_documents_story() -> None:
    """The document's demo runs as `manage.py demo` and prints the same story."""
    output = StringIO()
    call_command("demo", stdout=output)
    told = output.getvalue()
    listed = re.search(r"^\[\n.*^\]$", told, re.DOTALL | re.MULTILINE)
    assert listed is not None
    (session,) = json.loads(listed.group())
    assert (session["provider"], session["model"], session["message_count"]) == ("openai", "gpt-4", 3)
    assert told.replace(listed.group(), "JSON").replace(session["id"], "ID") == DEMO
    assert not any(bus.listeners.by_type.values())
    assert_replay_rebuilds_the_same_rows()
