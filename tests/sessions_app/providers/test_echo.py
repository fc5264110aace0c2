"""The echo provider plays every script: all paths of an answer can be shown without a key."""

import asyncio
import re
from typing import Any

import pytest

from sessions_app.llm.base import Finish, Piece, ProviderError, Request, TextDelta, Tool, ToolCall, Turn, Usage
from sessions_app.llm.providers.echo import EchoProvider
from sessions_app.values import Role, ToolCallPart, ToolResultPart, parts
from tests.sessions_app.providers.asking import said

HELLO = Turn(role=Role.USER, content=parts("hello there"))
TOOL = Tool(name="search", description="Finds.", parameters={})
SCRIPT: dict[str, Any] = {"tool": {"name": "search", "args": {"q": 1}}}


def ask(*turns: Turn, tools: tuple[Tool, ...] = (), **options: Any) -> list[Piece]:
    """The pieces of one answer, without pauses."""

    async def asked() -> list[Piece]:
        request = Request(model="echo", turns=turns or (HELLO,), tools=tools, options={"delay": 0} | options)
        return [piece async for piece in EchoProvider().stream(request)]

    return asyncio.run(asked())


def fails(**options: Any) -> ProviderError:
    """How an answer fails."""
    with pytest.raises(ProviderError) as failed:
        ask(**options)
    return failed.value


def test_it_says_the_last_message_again_word_by_word_and_that_no_model_was_asked() -> None:
    pieces = ask(HELLO, Turn(role=Role.ASSISTANT, content=parts("no")))
    assert said(pieces) == "[echo] hello there"
    assert [type(piece) for piece in pieces] == [TextDelta, TextDelta, TextDelta, Finish]
    assert pieces[-1] == Finish(reason="stop", usage=Usage(input_tokens=4, output_tokens=5))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"text": "something else"}, "[echo] something else"),
        ({"text": ""}, "[echo] "),
        ({"repeat": 3}, "[echo] hello there hello there hello there"),
        ({"of": "no concern"}, "[echo] hello there"),
    ],
)
def test_the_text_follows_the_script(options: dict[str, Any], text: str) -> None:
    assert said(ask(**options)) == text


@pytest.mark.parametrize(
    "options",
    [
        *({"delay": 1e6}, {"delay": -1}, {"delay": "x"}, {"repeat": 10**9}, {"repeat": 0}, {"repeat": "x"}),
        *({"text": 7}, {"tool": "search"}, {"error": "odd"}, {"finish": "odd"}, {"fail": -1}, {"retry_after": -1}),
    ],
)
def test_what_would_keep_a_worker_busy_or_means_nothing_is_refused(options: dict[str, Any]) -> None:
    failed = fails(**options)
    assert (failed.code, failed.permanent) == ("refused", True)


def test_it_fails_after_so_many_words() -> None:
    async def asked() -> list[Piece]:
        stream = EchoProvider().stream(Request(model="echo", turns=(HELLO,), options={"delay": 0, "fail": 2}))
        heard = [await anext(stream), await anext(stream)]
        with pytest.raises(ProviderError) as failed:
            await anext(stream)
        assert failed.value.permanent
        return heard

    assert said(asyncio.run(asked())) == "[echo] hello"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"error": "rate-limited", "retry_after": 2}, ("rate-limited", False, 2)),
        ({"error": "authentication"}, ("authentication", True, None)),
        ({"error": "unavailable", "permanent": True}, ("unavailable", True, None)),
        ({"error": "network", "fail": 1}, ("network", False, None)),
    ],
)
def test_it_fails_as_it_is_told(options: dict[str, Any], expected: tuple[str, bool, float | None]) -> None:
    failed = fails(**options)
    assert (failed.code, failed.permanent, failed.retry_after) == expected


def test_it_ends_as_it_is_told() -> None:
    finish = ask(finish="length")[-1]
    assert isinstance(finish, Finish)
    assert finish.reason == "length"


def test_it_calls_a_tool_that_is_offered_and_then_says_the_result() -> None:
    call, finish = ask(tools=(TOOL,), **SCRIPT)
    assert isinstance(call, ToolCall)
    assert (call.name, call.args, call.raw) == ("search", {"q": 1}, '{"q":1}')
    assert re.fullmatch(r"echo-[0-9a-f]{32}", call.tool_call_id)
    assert isinstance(finish, Finish)
    assert finish.reason == "tool_calls"
    asked = ToolCallPart(tool_call_id=call.tool_call_id, name="search", args={"q": 1})
    result = ToolResultPart(tool_call_id=call.tool_call_id, content="a snowman")
    turns = (HELLO, Turn(role=Role.ASSISTANT, content=[asked]), Turn(role=Role.TOOL, content=[result]))
    assert said(ask(*turns, tools=(TOOL,), **SCRIPT)) == "[echo] a snowman"


def test_a_tool_that_is_not_offered_is_not_called() -> None:
    assert said(ask(**SCRIPT)) == "[echo] hello there"
