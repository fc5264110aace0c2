"""Between our turns and pieces and those of Pydantic AI. Imported with the optional package only."""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from pydantic_ai import messages as theirs
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from sessions_app.llm.base import Finish, FinishReason, Piece, Request, ToolCall, Turn, Usage
from sessions_app.llm.providers.failures import failure
from sessions_app.llm.providers.wire import arguments, count
from sessions_app.values import ImagePart, Part, Role, TextPart, ToolCallPart, ToolResultPart, text_of

_REASONS: dict[str | None, FinishReason] = {"length": "length", "content_filter": "content_filter"}
Asked = tuple[list[theirs.ModelMessage], ModelSettings, ModelRequestParameters]


def asked(request: Request) -> Asked:
    """The request as the arguments of `Model.request_stream`."""
    said: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
    said = {name: value for name, value in said.items() if value is not None} | request.options
    tools = [
        ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.parameters)
        for tool in request.tools
    ]
    return list(_messages(request.turns)), cast("ModelSettings", said), ModelRequestParameters(function_tools=tools)


def text(event: Any) -> str:
    """The text that an event of the stream adds."""
    if isinstance(event, theirs.PartStartEvent) and isinstance(event.part, theirs.TextPart):
        return event.part.content
    if isinstance(event, theirs.PartDeltaEvent) and isinstance(event.delta, theirs.TextPartDelta):
        return event.delta.content_delta or ""
    return ""


def end(answer: theirs.ModelResponse) -> Iterator[Piece]:
    """The tool calls and the Finish of a whole answer; one without an end was cut off."""
    if answer.finish_reason is None:
        raise failure("network", "The answer was cut off.")
    if answer.finish_reason == "error":
        raise failure("unavailable", "The provider broke off.")
    calls = [part for part in answer.parts if isinstance(part, theirs.ToolCallPart)]
    for call in calls:
        raw = call.args if isinstance(call.args, str) else msgspec.json.encode(call.args or {}).decode()
        yield ToolCall(tool_call_id=call.tool_call_id, name=call.tool_name, args=arguments(raw), raw=raw)
    reason = "tool_calls" if calls else _REASONS.get(answer.finish_reason, "stop")
    yield Finish(reason=reason, usage=_usage(answer.usage) if answer.usage.has_values() else None)


def _usage(found: RequestUsage) -> Usage:
    """Disjoint buckets: theirs count the cache into the input and reasoning into the output."""
    read, written, reasoned = found.cache_read_tokens, found.cache_write_tokens, found.output_reasoning_tokens
    return Usage(
        input_tokens=count(found.input_tokens - read - written),
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=count(found.output_tokens - reasoned),
        reasoning_tokens=reasoned,
        raw={"details": found.details},
    )


def _messages(turns: tuple[Turn, ...]) -> Iterator[theirs.ModelMessage]:
    names = {part.tool_call_id: part.name for turn in turns for part in turn.content if isinstance(part, ToolCallPart)}
    for turn in turns:
        if turn.role == Role.ASSISTANT:
            yield theirs.ModelResponse(parts=list(_answer(turn.content)))
            continue
        parts: list[theirs.ModelRequestPart] = [
            theirs.ToolReturnPart(names.get(part.tool_call_id, "tool"), part.content, tool_call_id=part.tool_call_id)
            for part in turn.content
            if isinstance(part, ToolResultPart)
        ]
        if turn.role == Role.SYSTEM:
            parts.append(theirs.SystemPromptPart(text_of(turn.content)))
        elif said := [_content(part) for part in turn.content if isinstance(part, TextPart | ImagePart)]:
            parts.append(theirs.UserPromptPart(said))
        yield theirs.ModelRequest(parts=parts)


def _answer(content: list[Part]) -> Iterator[theirs.ModelResponsePart]:
    for part in content:
        if isinstance(part, TextPart):
            yield theirs.TextPart(part.text)
        elif isinstance(part, ToolCallPart):
            yield theirs.ToolCallPart(part.name, part.args, tool_call_id=part.tool_call_id)


def _content(part: TextPart | ImagePart) -> theirs.UserContent:
    """Images only as data: some of the models behind would fetch an address from here, past our egress."""
    if isinstance(part, TextPart):
        return part.text
    head, _, data = part.url.partition(";base64,")
    if not head.startswith("data:image/"):
        raise failure("refused", "Through pydantic_ai an image is sent as data:image/png;base64,….")
    try:
        return theirs.BinaryContent(b64decode(data, validate=True), media_type=head.removeprefix("data:"))
    except Error:
        raise failure("refused", "The data of an image is not base64.") from None
