"""Estimates of tokens, and the room there is."""

import pytest

from sessions_app.llm.base import Tool
from sessions_app.llm.context import count
from sessions_app.llm.context.count import IMAGE, LOW_IMAGE, MESSAGE, room
from sessions_app.values import ImagePart, parts
from tests.sessions_app.context.support import call, result


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("日本語", 3), ("Привет", 4), ("ab日本", 3), ("\ud800", 1)]
)
def test_text_is_estimated_by_its_script(text: str, tokens: int) -> None:
    assert count.text(text) == tokens


def test_a_message_is_its_parts_and_a_frame() -> None:
    assert count.message(parts("abcd")) == MESSAGE + 1
    assert count.message([ImagePart(url="https://example.org/" + "a" * 5_000)]) == MESSAGE + IMAGE
    assert count.message([ImagePart(url="https://example.org/a", detail="low")]) == MESSAGE + LOW_IMAGE
    long_call, long_result = call(text="x" * 4_000), result("x" * 4_000)
    assert all(1_000 < count.message([part]) < 1_100 for part in (long_call, long_result))


def test_tools_are_counted_with_their_schemas() -> None:
    small = Tool(name="look", description="Look.", parameters={"type": "object"})
    large = Tool(name="look", description="Look.", parameters={"type": "object", "description": "x" * 4_000})
    assert count.tools([small, large]) == count.tools([small]) + count.tools([large])
    assert 1_000 < count.tools([large]) - count.tools([small]) < 1_020


@pytest.mark.parametrize(
    ("window", "max_tokens", "tools", "left"),
    [
        (None, 100, 100, None),
        (8_192, None, 0, 6_144),
        (128_000, None, 1_000, 118_808),
        (8_192, 1_000, 192, 7_000),
        (8_192, 10_000, 0, 0),
    ],
)
def test_room_is_the_window_without_the_answer_and_the_tools(
    window: int | None, max_tokens: int | None, tools: int, left: int | None
) -> None:
    assert room(window, max_tokens, tools) == left
