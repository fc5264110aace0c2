"""Reads one streamed answer of the chat completions API, as OpenAI and the many servers compatible with it write it."""

from typing import Any

import msgspec

from sessions_app.llm.base import Finish, FinishReason, Piece, TextDelta, Usage
from sessions_app.llm.providers import failures, wire
from sessions_app.llm.providers.wire import count

_REASONS: dict[str, FinishReason] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_decoder = msgspec.json.Decoder(_Chunk)


class OpenAIReading:
    """One answer being read. The usage comes after the finish reason, so reading goes on until [DONE]."""

    def __init__(self, secret: str) -> None:
        self.done = False
        self._secret = secret
        self._reason: str | None = None
        self._usage: dict[str, Any] | None = None
        self._calls = wire.Calls()
        self._newest: int | None = None

    def feed(self, data: bytes) -> list[Piece]:
        """The text of one chunk; the rest is remembered."""
        if data.startswith(b"[DONE]"):
            self.done = True
            return []
        chunk = wire.decode(data, _decoder, _Chunk)
        if chunk.error:
            raise failures.in_stream(chunk.error, self._secret)
        self._usage = chunk.usage or self._usage
        if not chunk.choices:
            return []
        choice = chunk.choices[0]
        self._reason = choice.finish_reason or self._reason
        delta = choice.delta
        if delta is None:
            return []
        for call in delta.tool_calls or ():
            self._call(call)
        return [TextDelta(text) for text in (delta.content, delta.refusal) if text]

    def _call(self, call: _Call) -> None:
        """Some servers leave the number out, or number every call 0: a new id is a new call all the same."""
        function = call.function or _Function()
        key: Any = call.index if call.index is not None else self._newest
        if key is None or self._calls.known(key) is None or (call.id and call.id != self._calls.known(key)):
            key = key if key is not None and self._calls.known(key) is None else (key, call.id)
            if self._calls.known(key) is None:
                self._calls.begin(key, call.id or "", "")
        self._newest = key
        self._calls.add(key, name=function.name or "", raw=function.arguments or "")

    def end(self) -> list[Piece]:
        """The tool calls and the Finish; an answer without an end was cut off."""
        if self._reason is None and not self.done:
            raise failures.failure("network", "The answer was cut off.")
        calls = self._calls.whole()
        reason = "tool_calls" if calls else _REASONS.get(self._reason or "", "stop")
        return [*calls, Finish(reason=reason, usage=None if self._usage is None else usage(self._usage))]


def usage(block: dict[str, Any]) -> Usage:
    """Disjoint buckets: OpenAI counts cached tokens into the prompt, and reasoning into the completion."""
    try:
        found = msgspec.convert(block, _Usage, strict=False)
    except msgspec.ValidationError:
        return Usage(raw=block)
    details = found.prompt_tokens_details or _PromptDetails()
    read, written = count(details.cached_tokens), count(details.cache_write_tokens)
    reasoned = count((found.completion_tokens_details or _CompletionDetails()).reasoning_tokens)
    completed = count(found.completion_tokens)
    return Usage(
        input_tokens=count(count(found.prompt_tokens) - read - written),
        cache_read_tokens=read,
        cache_write_tokens=written,
        # a few compatible servers count reasoning beside the completion
        output_tokens=completed - reasoned if reasoned <= completed else completed,
        reasoning_tokens=reasoned,
        raw=block,
    )
