"""What a body asks for: parameters as runs have them, and refusals that name what they are about."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from bus import untrusted
from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import Actor, Context
from sessions_app.openai_front import naming
from sessions_app.openai_front.body import Wanted, read
from sessions_app.openai_front.errors import FrontError, of_problem, of_run
from sessions_app.openai_front.views import command_of
from sessions_app.values import ImagePart, TextPart, ToolCallPart, ToolResultPart
from tests.api.test_fuzz import JSON, TEXT

pytestmark = pytest.mark.django_db

USER = {"role": "user", "content": "hello"}
CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
TOOL = {"type": "function", "function": {"name": "weather"}}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "echo:echo", "messages": [USER], **more}


def asked(**more: Any) -> Wanted:
    return read(body(**more), None)


def test_messages_keep_their_roles_parts_and_calls() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}
    wanted = asked(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "what?"}, picture], "name": "ann"},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None, "annotations": []},
            {"role": "tool", "tool_call_id": "c", "content": "rain"},
            {"role": "system", "content": "Now in verse."},
        ]
    )
    assert wanted.config.system_prompt == "Be brief.\n\nBe kind."
    assert [line.role.value for line in wanted.lines] == ["user", "assistant", "tool", "system"]
    assert [line.content for line in wanted.lines] == [
        [TextPart(text="what?"), ImagePart(url="https://example.org/a.png", detail="low")],
        [ToolCallPart(tool_call_id="c", name="weather", args={"place": "Oslo"})],
        [ToolResultPart(tool_call_id="c", content="rain")],
        [TextPart(text="Now in verse.")],
    ]


def test_parameters_become_the_runs_configuration_in_the_providers_words() -> None:
    said = {"top_p": 0.5, "stop": "END", "seed": 1, "presence_penalty": 0, "max_completion_tokens": 9, "temperature": 1}
    openai = asked(**said, model="openai:gpt-4o", response_format={"type": "json_object"}, user="u", top_logprobs=None)
    assert (openai.config.temperature, openai.config.max_tokens, openai.metadata) == (1.0, 9, {"user": "u"})
    options = {"top_p": 0.5, "stop": "END", "seed": 1, "presence_penalty": 0.0}
    assert openai.config.provider_options == options | {"response_format": {"type": "json_object"}}
    anthropic = asked(**said, model="anthropic:claude", tools=[TOOL], tool_choice="required")
    assert anthropic.config.provider_options == {
        "top_p": 0.5,
        "stop_sequences": ["END"],
        "tool_choice": {"type": "any"},
    }
    assert not anthropic.server_tools
    named = asked(model="openai:gpt-4o", tools=[TOOL], tool_choice=TOOL)
    assert named.config.provider_options == {"tool_choice": TOOL}
    none = asked(tools=[TOOL], tool_choice="none")
    assert (none.client_tools, none.server_tools) == ([], False)


@pytest.mark.parametrize(
    ("param", "code", "more"),
    [
        ("n", "unsupported_value", {"n": 2}),
        ("functions", "unsupported_parameter", {"functions": []}),
        ("audio", "unsupported_parameter", {"audio": {}}),
        ("logprobs", "unsupported_value", {"logprobs": True}),
        ("temperature", "invalid_value", {"temperature": 3}),
        ("top_p", "invalid_value", {"top_p": "x"}),
        ("stream_options.include_usage", "invalid_value", {"stream_options": {"include_usage": 1}}),
        ("messages", "invalid_value", {"messages": []}),
        ("messages[0].role", "invalid_value", {"messages": [{"role": "narrator", "content": "x"}]}),
        (
            "messages[0].content[0].type",
            "invalid_value",
            {"messages": [{**USER, "content": [{"type": "input_audio"}]}]},
        ),
        (
            "messages[0].content[0].image_url.url",
            "invalid_value",
            {"messages": [{**USER, "content": [{"type": "image_url", "image_url": {"url": "x" * 9000}}]}]},
        ),
        (
            "messages[0].tool_calls",
            "invalid_value",
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{**CALL, "function": {"name": "x", "arguments": '{"a": "\\u0000"}'}}],
                    }
                ]
            },
        ),
        ("tools[0].type", "invalid_value", {"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
        ("tools[0].function", "invalid_value", {"tools": [{"type": "function", "function": {"name": "no name"}}]}),
        ("tool_choice", None, {"tool_choice": "required"}),
        ("tool_choice", "unsupported_parameter", {"tools": [TOOL], "tool_choice": "required"}),
        (
            "response_format",
            "unsupported_parameter",
            {"model": "anthropic:x", "response_format": {"type": "json_object"}},
        ),
        ("session_id", "invalid_value", {"session_id": "mine"}),
        ("session_id", "invalid_value", {"metadata": {"session_id": 7}}),
        ("model", "invalid_value", {"model": 7}),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(param: str, code: str | None, more: dict[str, Any]) -> None:
    with pytest.raises(FrontError) as refused:
        asked(**more)
    error = refused.value.body["error"]
    assert (refused.value.answered, error["type"]) == (400, "invalid_request_error")
    assert (error["param"], error["code"]) == (param, code)
    assert error["message"]


def test_models_go_by_provider_and_name_or_by_their_name_alone(settings: Settings) -> None:
    assert naming.of("pydantic_ai:google:gemini-2.5-pro") == ("pydantic_ai", "google:gemini-2.5-pro")
    assert naming.of("echo") == ("echo", "echo")
    with pytest.raises(FrontError):
        naming.of("gpt-4o")  # of a provider without a key
    settings.LLM_KEYS = {"openai": "sk-x"}
    assert naming.of("gpt-4o") == ("openai", "gpt-4o")
    settings.DEFAULT_MODEL = "openai:llama3.2"
    assert naming.of("qwen3:8b") == ("openai", "qwen3:8b")
    assert naming.listed()[0]["id"] == "openai:llama3.2"
    for name in ("", " ", "x\x00", "x" * 200):
        with pytest.raises(FrontError):
            naming.of(name)


def test_errors_have_the_status_and_the_code_that_clients_look_at() -> None:
    told = {
        "budget-exhausted": (429, "insufficient_quota"),
        "rate-limited": (429, "rate_limit_exceeded"),
        "context-overflow": (400, "context_length_exceeded"),
        "timeout": (504, "timeout"),
        "unavailable": (502, "provider_unavailable"),
        "worker-stopped": (500, "worker_stopped"),
    }
    runs = {code: of_run(code, "why") for code in told}
    assert {code: (error.answered, error.body["error"]["code"]) for code, error in runs.items()} == told
    problem = of_problem({"code": "validation-failed", "status": 422, "detail": "why"})
    assert (problem.answered, problem.body["error"]["message"]) == (400, "why")


MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "x"])},
    optional={
        "content": TEXT | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), max_size=2) | JSON,
        "tool_calls": st.lists(st.just(CALL) | JSON, max_size=2),
        "tool_call_id": TEXT | st.text(max_size=300),
    },
)
BODY = st.fixed_dictionaries(
    {"model": st.just("echo") | TEXT, "messages": st.lists(MESSAGE, max_size=4)},
    optional={
        "tools": st.lists(st.just(TOOL) | JSON, max_size=2),
        "temperature": st.floats(0, 2) | JSON,
        "stop": TEXT | JSON,
        "metadata": st.dictionaries(TEXT, JSON, max_size=2),
        "stream": st.booleans() | JSON,
        "user": TEXT,
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(given_body=BODY)
def test_whatever_a_client_sends_is_done_or_refused_and_never_a_failure(alice: Any, given_body: dict[str, Any]) -> None:
    with suppress(Refused):
        untrusted.check(given_body)
        wanted = read(given_body, None)
        bus.execute(command_of(wanted, None), Context(actor=Actor("user", str(alice.pk))))
