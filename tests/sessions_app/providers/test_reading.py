"""What servers send that is not in anybody's documentation, and the small parts of reading it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sessions_app.llm.base import Finish, Piece, ProviderError, TextDelta, ToolCall, Usage
from sessions_app.llm.providers import anthropic_reading, failures, openai_reading, sse
from sessions_app.llm.providers.openai_reading import OpenAIReading


def events(*pieces: bytes) -> list[bytes]:
    """The events in these pieces."""

    async def read() -> list[bytes]:
        async def given() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return [event async for event in sse.events(given())]

    return asyncio.run(read())


def read(*chunks: Any) -> list[Piece]:
    """The pieces that OpenAI's chunks make, up to the end."""
    reading = OpenAIReading("")
    found = [piece for chunk in chunks for piece in reading.feed(json.dumps(chunk).encode())]
    return found + reading.end()


def calls(*deltas: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """The tool calls that these deltas make."""
    end = {"choices": [{"delta": None, "finish_reason": "stop"}]}
    pieces = read(*({"choices": [{"delta": {"tool_calls": [delta]}}]} for delta in deltas), end)
    assert isinstance(pieces[-1], Finish)
    assert pieces[-1].reason == "tool_calls", "whatever the server says"
    return [(piece.tool_call_id, piece.name, piece.args) for piece in pieces if isinstance(piece, ToolCall)]


# -- events ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\ndata:b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b": comment\n\nevent: x\nid: 7\nretry: 1\ndata: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:  two spaces\n\n\n\n", [b" two spaces"]),
        (b"data: a\n\ndata: cut", [b"a"]),
        (b"data: a\n\ndata: cut\n", [b"a"]),
        (b"", []),
    ],
)
def test_events_are_what_the_standard_says(data: bytes, expected: list[bytes]) -> None:
    assert events(data) == expected
    assert events(*(data[at : at + 1] for at in range(len(data)))) == expected


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_536 + b"\n"])
def test_an_event_without_an_end_is_given_up(piece: bytes) -> None:
    with pytest.raises(sse.TooLong):
        events(*[piece] * 66)


# -- OpenAI's chunks ---------------------------------------------------------------------------------------------------


def test_calls_without_numbers_are_told_apart_by_their_ids() -> None:
    def whole(number: int | None, name: str, call_id: str) -> dict[str, Any]:
        index = {} if number is None else {"index": number}
        return {**index, "id": call_id, "function": {"name": name, "arguments": '{"a": 1}'}}

    expected = [("1", "x", {"a": 1}), ("2", "y", {"a": 1})]
    assert calls(whole(0, "x", "1"), whole(0, "y", "2")) == expected
    assert calls(whole(None, "x", "1"), whole(None, "y", "2")) == expected
    assert calls(whole(0, "x", "1"), whole(1, "y", "2")) == expected


def test_pieces_of_a_call_may_repeat_its_id_or_leave_it_out() -> None:
    first = {"index": 0, "id": "1", "function": {"name": "x", "arguments": '{"a"'}}
    again = {"index": 0, "id": "1", "function": {"arguments": ": "}}
    bare = {"function": {"arguments": "1}"}}
    assert calls(first, again, bare) == [("1", "x", {"a": 1})]


def test_a_call_without_an_id_gets_one() -> None:
    ((call_id, name, args),) = calls({"index": 0, "function": {"name": "x", "arguments": ""}})
    assert (name, args) == ("x", {})
    assert call_id.startswith("call-")


def test_half_a_surrogate_costs_no_more_than_itself() -> None:
    reading = OpenAIReading("")
    half = reading.feed(b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}')
    assert half == [TextDelta("a\ud83d")]  # the engine makes U+FFFD of it
    assert reading.feed(b'{"choices":[{"delta":{"content":"b\xff"}}]}') == [TextDelta("b\ufffd")]


def test_a_deep_or_strange_chunk_is_malformed() -> None:
    for chunk in (b'{"choices":' + b"[" * 100_000, b"[]", b'"x"', b'{"choices":[{"delta":{"content":7}}]}', b"\xff"):
        with pytest.raises(ProviderError) as failed:
            OpenAIReading("").feed(chunk)
        assert failed.value.code == "malformed"


def test_an_end_without_a_reason_is_an_end() -> None:
    reading = OpenAIReading("")
    assert reading.feed(b"[DONE]") == []
    assert reading.end() == [Finish(reason="stop", usage=None)]


def test_an_answer_that_was_finished_before_the_cut_is_whole() -> None:
    assert read({"choices": [{"delta": {"content": "x"}, "finish_reason": "length"}]}) == [
        TextDelta("x"),
        Finish(reason="length", usage=None),
    ]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(input_tokens=5, output_tokens=2)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(cache_read_tokens=9)),
        (
            {"completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 7}},
            Usage(output_tokens=2, reasoning_tokens=7),
        ),
        ({"prompt_tokens": -5, "completion_tokens": None}, Usage()),
        ({"prompt_tokens": "many"}, Usage()),
    ],
)
def test_odd_usage_is_never_negative_and_kept_as_it_was(block: dict[str, Any], expected: Usage) -> None:
    found = openai_reading.usage(block)
    assert found.raw == block
    for name in ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"):
        assert getattr(found, name) == getattr(expected, name)


def test_odd_usage_of_anthropic_is_never_negative() -> None:
    found = anthropic_reading.usage({"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}})
    assert (found.output_tokens, found.reasoning_tokens) == (0, 3)


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("key a/b+c= refused", "key a%2Fb%2Bc%3D refused", "Bearer zzz-secret", "sk-proj-secret", "gsk-secret"),
        *("see https://user:secret@example.org/", "AIzaSecret-secret", "bearer secret"),
    ],
)
def test_what_looks_like_a_key_is_left_out(text: str) -> None:
    found = failures.redacted(text, "a/b+c=")
    assert "…" in found
    assert not any(word in found for word in ("secret", "a/b+c=", "%2Bc"))


def test_control_characters_are_not_shown() -> None:
    assert failures.redacted("a\x1b[31m\nb\x00", "") == "a [31m b"
