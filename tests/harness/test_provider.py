"""The scripted provider does what its scripts say, and counts what its clients did."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.flow.stack import wait_until
from tests.harness.openai_wire import ARGUMENTS, PROMPT_TOKENS, Script
from tests.harness.provider import ScriptedProvider


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    """One that listens."""
    with ScriptedProvider() as made:
        yield made


def asked(model: str, *, stream: bool = False) -> dict[str, Any]:
    """The body of a request."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "hello"}], "user": "attempt-1"}
    return {**body, "stream": True, "stream_options": {"include_usage": True}} if stream else body


def post(provider: ScriptedProvider, model: str) -> httpx.Response:
    """Ask for an answer in one piece."""
    return httpx.post(f"{provider.url}/chat/completions", json=asked(model))


def streamed(provider: ScriptedProvider, model: str, leave_after: int = 10_000) -> list[str]:
    """The data of the events of a streamed answer, at most so many; then the connection is closed."""
    found: list[str] = []
    url = f"{provider.url}/chat/completions"
    with httpx.stream("POST", url, json=asked(model, stream=True)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            found += [line.removeprefix("data: ")] if line else []
            if len(found) >= leave_after:
                break
    return found


def text_of(events: list[str]) -> str:
    """What the deltas of these events say."""
    choices = [json.loads(event)["choices"] for event in events]
    return "".join(choice[0]["delta"].get("content") or "" for choice in choices if choice)


def test_an_answer_in_one_piece(provider: ScriptedProvider) -> None:
    answer = post(provider, "scripted?words=4").json()
    assert answer["choices"][0]["message"]["content"] == Script(words=4).text
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": 4,
        "total_tokens": PROMPT_TOKENS + 4,
    }
    assert provider.count("attempt-1") == {"finished": 1}
    assert provider.calls[0].body["messages"][0]["content"] == "hello"


def test_a_streamed_answer_ends_with_its_reason_its_usage_and_done(provider: ScriptedProvider) -> None:
    *events, done = streamed(provider, "scripted?words=6")
    assert done == "[DONE]"
    assert text_of(events) == Script(words=6).text
    assert json.loads(events[-2])["choices"][0]["finish_reason"] == "stop"
    assert json.loads(events[-1])["usage"]["completion_tokens"] == 6
    assert provider.calls[0].words == 6


@pytest.mark.parametrize(("status", "code"), [(401, "invalid_api_key"), (429, "rate_limit_exceeded"), (500, None)])
def test_a_refusal(provider: ScriptedProvider, status: int, code: str | None) -> None:
    answer = post(provider, f"scripted?status={status}&retry_after=3")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["retry-after"] == "3"
    assert provider.count("attempt-1") == {"refused": 1}


def test_a_connection_is_cut_after_so_many_words(provider: ScriptedProvider) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        streamed(provider, "scripted?words=6&cut_after=2")
    with pytest.raises(httpx.RemoteProtocolError):
        post(provider, "scripted?cut_after=0")
    assert [(call.outcome, call.words) for call in provider.calls] == [("cut", 2), ("cut", 0)]


def test_a_chunk_is_malformed(provider: ScriptedProvider) -> None:
    events = streamed(provider, "scripted?words=3&malformed_at=1")
    assert events[1] == "{not json"
    assert events[-1] == "[DONE]"


def test_a_slow_first_byte_and_slow_words(provider: ScriptedProvider) -> None:
    started = time.monotonic()
    streamed(provider, "scripted?words=4&first=0.2&pause=0.05")
    assert time.monotonic() - started >= 0.2 + 4 * 0.05


def test_a_tool_is_called(provider: ScriptedProvider) -> None:
    message = post(provider, "scripted?tool=search").json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {"name": "search", "arguments": ARGUMENTS}
    events = [json.loads(event)["choices"] for event in streamed(provider, "scripted?tool=search")[:-1]]
    calls = [call for choices in events if choices for call in choices[0]["delta"].get("tool_calls", [])]
    assert calls[0]["function"]["name"] == "search"
    assert "".join(call["function"]["arguments"] for call in calls) == ARGUMENTS


def test_an_abort_of_the_client_is_noticed(provider: ScriptedProvider) -> None:
    streamed(provider, "scripted?words=1000&pause=0.01", leave_after=3)
    wait_until(lambda: provider.count("attempt-1") == {"aborted": 1}, what="the abort being noticed")
    assert 0 < provider.calls[0].words < 1000


def test_scripts_of_the_test_come_one_after_the_other_and_the_last_stays(provider: ScriptedProvider) -> None:
    provider.script("any", Script(status=500), Script(words=1))
    assert [post(provider, "any").status_code for _ in range(3)] == [500, 200, 200]
    assert provider.count("attempt-1") == {"refused": 1, "finished": 2}


def test_an_unknown_path_and_an_unknown_option(provider: ScriptedProvider) -> None:
    assert httpx.get(f"{provider.url}/nothing").status_code == 404
    with pytest.raises(KeyError):
        Script.named("scripted?wrods=3")
