"""Reads one streamed answer of Anthropic's messages API."""

from typing import Any

import msgspec

from sessions_app.llm.base import Finish, FinishReason, Piece, TextDelta, Usage
from sessions_app.llm.providers import failures, wire
from sessions_app.llm.providers.wire import count

_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class _Message(msgspec.Struct):
    usage: dict[str, Any] | None = None


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    message: _Message | None = None
    index: int = 0
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: dict[str, Any] | None = None
    error: Any = None


class _Details(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None


_decoder = msgspec.json.Decoder(_Event)


class AnthropicReading:
    """One answer being read. Thinking is not shown; its tokens are counted."""

    def __init__(self, secret: str) -> None:
        self.done = False
        self._secret = secret
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._calls = wire.Calls()

    def feed(self, data: bytes) -> list[Piece]:
        """The text of one event; the rest is remembered."""
        event = wire.decode(data, _decoder, _Event)
        if event.type == "error":
            raise failures.in_stream(event.error, self._secret)
        if event.message is not None and event.message.usage:
            self._usage |= event.message.usage
        if event.usage:  # later counts are totals, and null where nothing changed
            self._usage |= {name: value for name, value in event.usage.items() if value is not None}
        self.done = event.type == "message_stop"
        text = ""
        if event.type == "content_block_start" and event.content_block is not None:
            text = self._begin(event.index, event.content_block)
        elif event.delta is not None:
            self._reason = event.delta.stop_reason or self._reason
            text = event.delta.text if event.delta.type == "text_delta" else ""
            if event.delta.type == "input_json_delta" and self._calls.known(event.index) is not None:
                self._calls.add(event.index, raw=event.delta.partial_json)
        return [TextDelta(text)] if text else []

    def _begin(self, index: int, block: _Block) -> str:
        if block.type == "tool_use":
            self._calls.begin(index, block.id, block.name)
            if isinstance(block.input, dict) and block.input:
                self._calls.add(index, raw=msgspec.json.encode(block.input).decode())
        return block.text if block.type == "text" else ""

    def end(self) -> list[Piece]:
        """The tool calls and the Finish; an answer without an end was cut off."""
        if self._reason is None and not self.done:
            raise failures.failure("network", "The answer was cut off.")
        reason = _REASONS.get(self._reason or "", "stop")
        return [*self._calls.whole(), Finish(reason=reason, usage=usage(self._usage) if self._usage else None)]


def usage(block: dict[str, Any]) -> Usage:
    """Disjoint buckets: the input is so already, thinking is counted into the output."""
    try:
        found = msgspec.convert(block, _Usage, strict=False)
    except msgspec.ValidationError:
        return Usage(raw=block)
    output = count(found.output_tokens)
    thought = min(count(found.output_tokens_details.thinking_tokens if found.output_tokens_details else 0), output)
    return Usage(
        input_tokens=count(found.input_tokens),
        cache_read_tokens=count(found.cache_read_input_tokens),
        cache_write_tokens=count(found.cache_creation_input_tokens),
        output_tokens=output - thought,
        reasoning_tokens=thought,
        raw=block,
    )
