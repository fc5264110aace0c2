"""Estimates of tokens, and the room there is."""

import pytest

from sessions_app.llm.base import Tool, Turn
from sessions_app.llm.context.count import IMAGE, LOW_IMAGE, MESSAGE, Counter, room
from sessions_app.values import ImagePart, Role, TextPart, parts
from tests.sessions_app.context.support import call, result

COUNTER = Counter()


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("日本語", 3), ("Привет", 4), ("ab日本", 3), ("\ud800", 1)]
)
def test_text_is_estimated_by_its_script(text: str, tokens: int) -> None:
    assert COUNTER.text(text) == tokens


def test_a_message_is_its_parts_and_a_frame() -> None:
    assert COUNTER.message(parts("abcd")) == MESSAGE + 1
    assert COUNTER.message([ImagePart(url="https://example.org/" + "a" * 5_000)]) == MESSAGE + IMAGE
    assert COUNTER.message([ImagePart(url="https://example.org/a", detail="low")]) == MESSAGE + LOW_IMAGE
    long_call, long_result = call(text="x" * 4_000), result("x" * 4_000)
    assert all(1_000 < COUNTER.message([part]) < 1_100 for part in (long_call, long_result))


def test_tools_are_counted_with_their_schemas() -> None:
    small = Tool(name="look", description="Look.", parameters={"type": "object"})
    large = Tool(name="look", description="Look.", parameters={"type": "object", "description": "x" * 4_000})
    assert COUNTER.tools([small, large]) == COUNTER.tools([small]) + COUNTER.tools([large])
    assert 1_000 < COUNTER.tools([large]) - COUNTER.tools([small]) < 1_020


def test_estimates_are_scaled_by_what_the_last_request_really_took() -> None:
    turns = [Turn(role=Role.USER, content=[TextPart(text="x" * 4_000)])] * 10
    estimated = COUNTER.turns(turns)
    for real in (int(estimated * 0.8), int(estimated * 1.7)):
        assert Counter.calibrated(estimated, real).turns(turns) == pytest.approx(real, abs=10)


@pytest.mark.parametrize(("estimated", "real", "ratio"), [(0, 10, 1), (10, 0, 1), (100, 1, 0.5), (1, 100, 3)])
def test_a_calibration_out_of_reason_is_bounded(estimated: int, real: int, ratio: float) -> None:
    assert Counter.calibrated(estimated, real).ratio == ratio


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
