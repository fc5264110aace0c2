"""How each provider writes an answer on the wire, copied from what theirs send."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sessions_app.llm.base import Credentials, FinishReason, Provider, Usage
from sessions_app.llm.providers.anthropic import AnthropicProvider
from sessions_app.llm.providers.openai import OpenAIProvider
from sessions_app.llm.providers.pydantic_ai import PydanticAIProvider

USAGE = Usage(input_tokens=70, cache_read_tokens=20, cache_write_tokens=10, output_tokens=30, reasoning_tokens=12)


class Call(msgspec.Struct):
    """A tool call as a model writes it: the arguments in pieces."""

    id: str
    name: str
    pieces: list[str]


class Answer(msgspec.Struct):
    """What the stand-in's model says."""

    texts: Sequence[str] = ("Hello", ", ", "world ☃")
    calls: Sequence[Call] = ()
    reason: FinishReason = "stop"
    usage: Usage | None = USAGE
    finished: bool = True


class Dialect:
    """A provider, and its wire format."""

    provider: type[Provider]
    model = "test-model"
    path = ""
    """Between the address of the server and what the provider adds."""
    refused: Sequence[str] = ("model", "messages", "stream", "base_url", "api_key", "extra_headers")

    def made(self, base: str, key: str) -> Provider:
        """The provider, speaking to the server at that address."""
        return self.provider(Credentials(api_key=key, base_url=base + self.path))

    def stream(self, answer: Answer) -> bytes:
        """The whole answer."""
        return b"".join(self.events(answer))

    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer, event by event."""
        raise NotImplementedError

    def error(self, message: str, code: str = "some_error") -> bytes:
        """The body of a refusal."""
        raise NotImplementedError

    def broken_off(self) -> bytes:
        """An error in the midst of a stream: the server is overloaded."""
        raise NotImplementedError


def _data(value: Any) -> bytes:
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


class OpenAI(Dialect):
    """Chat completions."""

    provider: type[Provider] = OpenAIProvider
    path = "/v1"
    reasons = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data(self._frame([choice]) | {"usage": None})

    def _frame(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": self.model}
        return head | {"service_tier": "default", "system_fingerprint": "fp_1", "choices": choices}

    def events(self, answer: Answer) -> Iterator[bytes]:
        """First the role, then deltas, the reason, the usage, [DONE]."""
        yield self._chunk({"role": "assistant", "content": "", "refusal": None})
        for text in answer.texts:
            yield self._chunk({"content": text})
        for number, call in enumerate(answer.calls):
            function = {"name": call.name, "arguments": ""}
            yield self._chunk(
                {"tool_calls": [{"index": number, "id": call.id, "type": "function", "function": function}]}
            )
            for piece in call.pieces:
                yield self._chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        if answer.finished:
            yield self._chunk({}, self.reasons[answer.reason])
            if answer.usage:
                yield _data(self._frame([]) | {"usage": self.usage(answer.usage)})
            yield b"data: [DONE]\n\n"

    def usage(self, usage: Usage) -> dict[str, Any]:
        """Cached tokens are a part of the prompt, reasoning is a part of the completion."""
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {
                "cached_tokens": usage.cache_read_tokens,
                "audio_tokens": 0,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": 0},
        }

    def error(self, message: str, code: str = "some_error") -> bytes:
        """As OpenAI says it."""
        return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()

    def broken_off(self) -> bytes:
        """A chunk that is an error."""
        return _data({"error": {"message": "The server had an error.", "type": "server_error", "code": None}})


class Anthropic(Dialect):
    """Messages."""

    provider = AnthropicProvider
    refused: Sequence[str] = (*Dialect.refused, "system", "tools")
    reasons = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

    def _event(self, kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\n".encode() + _data({"type": kind, **fields})

    def events(self, answer: Answer) -> Iterator[bytes]:
        """A message, its blocks (thinking first, which is not shown), and what it ended with."""
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": self.model, "content": []}
        begun = {"stop_reason": None, "stop_sequence": None, "usage": self.usage(answer.usage) | {"output_tokens": 1}}
        yield self._event("message_start", message=message | begun)
        yield from self._block(0, {"type": "thinking", "thinking": "", "signature": ""}, self._thought())
        yield self._event("ping")
        said = [{"type": "text_delta", "text": text} for text in answer.texts]
        yield from self._block(1, {"type": "text", "text": ""}, said)
        for number, call in enumerate(answer.calls, 2):
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *call.pieces]]
            yield from self._block(number, {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, deltas)
        if answer.finished:
            ended = {"stop_reason": self.reasons[answer.reason], "stop_sequence": None}
            yield self._event("message_delta", delta=ended, usage=self.usage(answer.usage))
            yield self._event("message_stop")

    def _thought(self) -> list[dict[str, str]]:
        return [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "c2ln"}]

    def _block(self, index: int, block: dict[str, Any], deltas: list[dict[str, str]]) -> Iterator[bytes]:
        yield self._event("content_block_start", index=index, content_block=block)
        for delta in deltas:
            yield self._event("content_block_delta", index=index, delta=delta)
        yield self._event("content_block_stop", index=index)

    def usage(self, usage: Usage | None) -> dict[str, Any]:
        """The input is disjoint already, thinking is a part of the output."""
        usage = usage or Usage()
        return {
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        }

    def error(self, message: str, code: str = "some_error") -> bytes:
        """As Anthropic says it."""
        return json.dumps({"type": "error", "error": {"type": code, "message": message}}).encode()

    def broken_off(self) -> bytes:
        """An event that is an error."""
        return self._event("error", error={"type": "overloaded_error", "message": "Overloaded"})


class PydanticAI(OpenAI):
    """One of its many providers, whose wire format we know."""

    provider = PydanticAIProvider
    model = "openai-chat:test-model"
    refused: Sequence[str] = ("timeout", "extra_headers", "extra_body", "base_url", "api_key")
