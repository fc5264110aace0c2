"""OpenAI's own client, unchanged but for its base URL, against whole servers."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.flow.stack import Browser, Stack, wait_until

MODEL = "echo:echo"
NOTHING = "0198f2c4-aaaa-7000-8000-00000000000a"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}


@pytest.fixture(scope="module")
def alice(stack: Stack) -> Iterator[Browser]:
    browser = Browser(stack.url(), "alice")
    yield browser
    browser.client.close()


@pytest.fixture(scope="module")
def key(alice: Browser) -> str:
    made = alice.call("POST", "tokens/", {"name": "client", "scopes": ["runs:write", "sessions:write", "models:read"]})
    return str(made.json()["token"])


@pytest.fixture
def ask(client: OpenAI) -> Any:
    """`chat.completions.create`, whose types know no extra fields."""
    return client.chat.completions.create


@pytest.fixture
def client(stack: Stack, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.url()}/openai/v1", api_key=key, max_retries=0) as made:
        yield made


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def assistant(text: str) -> Any:
    return {"role": "assistant", "content": text}


def scripted(alice: Browser, **script: Any) -> dict[str, str]:
    """A session whose model does as the script says."""
    config = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0, **script}}
    return {"session_id": alice.new_session(config=config)}


def said(alice: Browser, session: str) -> list[tuple[str, str]]:
    rows = alice.call("GET", f"sessions/{session}/messages/").json()["data"]
    return [(row["role"], "".join(part.get("text", "") for part in row["content"])) for row in rows]


def test_a_conversation_is_kept_whole_and_streamed(alice: Browser, client: OpenAI, ask: Any) -> None:
    system = {"role": "system", "content": "Be brief."}
    first = ask(
        model=MODEL,
        messages=[system, user("one")],
        temperature=0.1,
        seed=7,
        user="u",
        extra_headers={"Idempotency-Key": "k"},
    )
    assert (first.object, first.model, first.choices[0].finish_reason) == ("chat.completion", MODEL, "stop")
    assert first.choices[0].message.content == "[echo] one"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 0
    with pytest.raises(openai.BadRequestError):
        ask(model=MODEL, messages=[user("two")], extra_headers={"Idempotency-Key": "k"})
    again = ask(
        model=MODEL,
        messages=[system, user("one")],
        temperature=0.1,
        seed=7,
        user="u",
        extra_headers={"Idempotency-Key": "k"},
    )
    assert again == first
    raw: Any = client.chat.completions.with_raw_response
    more = raw.create(
        model="echo",
        messages=[system, user("one"), assistant("[echo] one"), user("two")],
        stream=True,
        stream_options={"include_usage": True},
        metadata={"session_id": first.session_id},
    )
    assert more.headers["X-Parley-Session"] == first.session_id
    chunks: list[Any] = list(more.parse())
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "[echo] two"
    assert [chunk.choices[0].finish_reason for chunk in chunks[-3:-1]] == [None, "stop"]
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens > 0) == ([], True)
    assert said(alice, first.session_id) == [
        ("system", "Be brief."),
        *(("user", "one"), ("assistant", "[echo] one")),
        *(("user", "two"), ("assistant", "[echo] two")),
    ]
    metrics = alice.call("GET", f"sessions/{first.session_id}/metrics/").json()
    assert metrics["total_tokens"] == first.usage.total_tokens + chunks[-1].usage.total_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_the_clients_to_use(alice: Browser, ask: Any, stream: bool) -> None:
    session = scripted(alice, tool={"name": "weather", "args": {"place": "Oslo"}})
    asked: dict[str, Any] = {"model": MODEL, "tools": [WEATHER], "stream": stream, "extra_body": session}
    messages = [user("rain?")]
    made = ask(messages=messages, **asked)
    if stream:
        chunks = list(made)
        assert chunks[-1].choices[0].finish_reason == "tool_calls"
        (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
        assert call.index == 0
        message: Any = {
            "role": "assistant",
            "tool_calls": [{"id": call.id, "type": "function", "function": call.function.model_dump()}],
        }
    else:
        assert (made.choices[0].finish_reason, made.choices[0].message.content) == ("tool_calls", None)
        (call,) = made.choices[0].message.tool_calls
        message = made.choices[0].message
    assert (call.function.name, call.function.arguments) == ("weather", '{"place":"Oslo"}')
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "much"}
    made = ask(messages=[*messages, message, result], **asked)
    text = made.choices[0].message.content if not stream else "".join(c.choices[0].delta.content or "" for c in made)
    assert text == "[echo] much"
    assert [role for role, _ in said(alice, session["session_id"])] == ["user", "assistant", "tool", "assistant"]


def test_errors_are_those_the_client_knows(alice: Browser, client: OpenAI, ask: Any) -> None:
    one = [user("one")]
    with pytest.raises(openai.AuthenticationError) as wrong_key:
        client.with_options(api_key="sk-wrong").models.list()
    assert wrong_key.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as no_model:
        ask(model="gpt-unknown", messages=one)
    assert (no_model.value.code, no_model.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as unsupported:
        ask(model=MODEL, messages=one, n=2)
    assert (unsupported.value.param, unsupported.value.type) == ("n", "invalid_request_error")
    with pytest.raises(openai.NotFoundError):
        ask(model=MODEL, messages=one, extra_body={"session_id": NOTHING})
    only_models = alice.call("POST", "tokens/", {"name": "m", "scopes": ["models:read"]}).json()["token"]
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=only_models).chat.completions.create(model=MODEL, messages=one)
    limited = scripted(alice, error="rate-limited", permanent=True)
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError) as of_provider:
            list(ask(model=MODEL, messages=one, stream=stream, extra_body=limited))
        assert of_provider.value.response.headers["x-should-retry"] == "false"
    broken = ask(model=MODEL, messages=[user("a b c d")], stream=True, extra_body=scripted(alice, fail=2, delay=0.2))
    with pytest.raises(openai.APIError) as interrupted:
        list(broken)
    assert interrupted.value.code == "run_interrupted"
    assert [model.id for model in client.models.list()] == ["echo:echo"]
    assert client.models.retrieve("echo:echo").owned_by == "echo"


def test_a_client_that_leaves_lets_the_run_go_on_or_has_it_cancelled(stack: Stack, alice: Browser, key: str) -> None:
    async def leave(session: dict[str, str], **more: str) -> str:
        client = AsyncOpenAI(base_url=f"{stack.url(1)}/openai/v1", api_key=key, max_retries=0)
        async with (
            client,
            await client.chat.completions.create(
                model=MODEL, messages=[user("word " * 20)], stream=True, extra_body={**session, **more}
            ) as stream,
        ):
            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    return session["session_id"]
        raise AssertionError("nothing was said")

    async def both() -> list[str]:
        slow = [scripted(alice, delay=0.05) for _ in range(2)]
        return list(await asyncio.gather(leave(slow[0]), leave(slow[1], on_disconnect="cancel")))

    def states(session: str) -> list[str]:
        return [run["state"] for run in alice.call("GET", f"sessions/{session}/runs/").json()["data"]]

    kept, cancelled = asyncio.run(both())
    wait_until(lambda: states(cancelled) == ["incomplete"], what="the run being cancelled")
    wait_until(lambda: states(kept) == ["completed"], what="the run going on to its end")


def test_a_token_that_is_revoked_reads_no_further(alice: Browser, client: OpenAI) -> None:
    made = alice.call("POST", "tokens/", {"name": "brief", "scopes": ["*"]}).json()
    brief: Any = client.with_options(api_key=made["token"]).chat.completions
    session = scripted(alice, delay=0.1)
    stream = brief.create(model=MODEL, messages=[user("word " * 200)], stream=True, extra_body=session)
    run = next(iter(stream)).id.removeprefix("chatcmpl-")
    assert alice.call("DELETE", f"tokens/{made['id']}/").status_code == 204
    with pytest.raises(openai.APIError) as ended:
        list(stream)
    assert ended.value.code == "invalid_api_key"
    assert alice.call("POST", f"runs/{UUID(run)}/cancel/", {}).status_code == 200  # it went on
