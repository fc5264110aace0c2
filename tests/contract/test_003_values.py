"""Document 003: its values and what its factory makes. Each test quotes the line of the contract it is about."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from sessions_app import factory
from sessions_app.values import (
    ChatMessage,
    Content,
    ImagePart,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    merge,
    to_content,
)


def test_the_roles() -> None:
    """Roles `system user assistant tool function summary`."""
    assert [role.value for role in Role] == ["system", "user", "assistant", "tool", "function", "summary"]


PARTS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "text", "text": "Hello"}, TextPart(text="Hello")),
    (
        {"type": "image", "url": "https://example.com/image.jpg", "detail": "high", "alt_text": "An image"},
        ImagePart(url="https://example.com/image.jpg", detail="high", alt_text="An image"),
    ),
    (
        {"type": "tool_call", "tool_call_id": "call-123", "name": "search", "args": {"query": "test"}},
        ToolCallPart(tool_call_id="call-123", name="search", args={"query": "test"}),
    ),
    (
        {"type": "tool_result", "tool_call_id": "call-123", "content": "Result"},
        ToolResultPart(tool_call_id="call-123", content="Result"),
    ),
]


@pytest.mark.parametrize(("plain", "part"), PARTS)
def test_the_content_parts(plain: dict[str, Any], part: Any) -> None:
    """Content parts `text` · `image{url, detail low|high|auto, alt_text}` · `tool_call{tool_call_id, name, args}` ·
    `tool_result{tool_call_id, content}`."""
    assert to_content([plain]) == [part]
    assert msgspec.to_builtins(part) == plain


@pytest.mark.parametrize("wrong", [{"type": "image", "url": "x", "detail": "huge"}, {"type": "video"}, {"text": "x"}])
def test_what_is_no_content_part_is_refused(wrong: dict[str, Any]) -> None:
    """Content parts … `detail low|high|auto` …"""
    with pytest.raises(msgspec.ValidationError):
        to_content([wrong])


@pytest.mark.parametrize(
    ("message", "role", "text"),
    [
        (factory.create_system_message("You are a helpful assistant"), Role.SYSTEM, "You are a helpful assistant"),
        (factory.create_user_message("Hello, assistant!"), Role.USER, "Hello, assistant!"),
        (factory.create_assistant_message("Hello, user!"), Role.ASSISTANT, "Hello, user!"),
        (factory.create_summary_message("Conversation summary"), Role.SUMMARY, "Conversation summary"),
    ],
)
def test_the_factory_makes_messages_from_a_string(message: ChatMessage, role: Role, text: str) -> None:
    """`create_{system,user,assistant,tool,summary}_message` (string or parts …)."""
    assert isinstance(message.id, UUID)
    assert (message.role, message.content) == (role, [TextPart(text=text)])


def test_the_factory_makes_messages_from_parts() -> None:
    """`create_{…}_message` (string or parts; summary carries `is_summary`, `summarized_messages`)."""
    content: Content = [TextPart(text="Hello, assistant!"), ImagePart(url="https://example.com/a.png")]
    assert factory.create_user_message(content).content == content
    assert factory.create_assistant_message(content).content == content
    tool = factory.create_tool_message("tool-123", "Search results")
    assert (tool.role, tool.tool_call_id) == (Role.TOOL, "tool-123")
    summary = factory.create_summary_message("Conversation summary", ["a", "b"])
    assert summary.metadata == {"is_summary": True, "summarized_messages": ["a", "b"]}
    assert factory.create_summary_message("x").metadata == {"is_summary": True, "summarized_messages": []}


def test_merging_leaves_its_arguments_alone() -> None:
    """Repository behaviour: … callers get copies."""
    base, patch = {"a": {"b": 1}}, {"a": {"c": {"d": 2}}}
    merged = merge(base, patch)
    merged["a"]["c"]["d"] = merged["a"]["b"] = 9
    assert (base, patch) == ({"a": {"b": 1}}, {"a": {"c": {"d": 2}}})
