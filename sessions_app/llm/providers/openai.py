"""OpenAI, and every server that speaks its chat completions API: Ollama, vLLM, llama.cpp, OpenRouter, …"""

from typing import Any, ClassVar

import msgspec

from sessions_app.llm.base import Request, Tool, Turn
from sessions_app.llm.providers.http import HttpProvider, Reading, check_options
from sessions_app.llm.providers.openai_reading import OpenAIReading
from sessions_app.llm.providers.wire import image_address
from sessions_app.values import ImagePart, Part, Role, TextPart, ToolCallPart, ToolResultPart, text_of

REFUSED = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "tools", "functions", "n"),
        *("api_key", "base_url", "organization", "project", "http_client", "timeout", "max_retries"),
        *("headers", "extra_headers", "extra_query", "extra_body"),
    }
)
"""Options that are the server's to decide; all others go into the request's body as they are."""
LIMITS = ("max_tokens", "max_completion_tokens")
_ROLES = {Role.SYSTEM: "system", Role.ASSISTANT: "assistant"}


class OpenAIProvider(HttpProvider):
    """Chat completions, streamed."""

    name: ClassVar[str] = "openai"
    sdk: ClassVar[str] = "openai"
    client_class: ClassVar[str] = "AsyncOpenAI"
    official: ClassVar[str] = "https://api.openai.com/v1"
    path: ClassVar[str] = "/chat/completions"

    def body(self, request: Request) -> dict[str, Any]:
        """The request of the chat completions API."""
        check_options(request, REFUSED)
        body: dict[str, Any] = {
            "model": request.model,
            "messages": [message for turn in request.turns for message in messages(turn)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_tokens is not None and not any(name in request.options for name in LIMITS):
            body[self._limit()] = request.max_tokens
        return body | request.options

    def _limit(self) -> str:
        """OpenAI's newer models refuse the old name, other servers may not know the new one."""
        return "max_tokens" if self._credentials.base_url.rstrip("/") not in ("", self.official) else LIMITS[1]

    def reading(self) -> Reading:
        """Reads chunks."""
        return OpenAIReading(self._credentials.api_key)


def messages(turn: Turn) -> list[dict[str, Any]]:
    """One turn as messages: each tool result is one of its own."""
    results = [
        {"role": "tool", "tool_call_id": part.tool_call_id, "content": part.content}
        for part in turn.content
        if isinstance(part, ToolResultPart)
    ]
    said: list[Part] = [part for part in turn.content if not isinstance(part, ToolResultPart)]
    if not said:
        return results
    role = _ROLES.get(turn.role, "user")  # a summary, and a tool's words without a call, are no instructions
    if role == "user":
        return [*results, {"role": role, "content": _content(said)}]
    message: dict[str, Any] = {"role": role, "content": text_of(said)}
    calls = [_call(part) for part in said if isinstance(part, ToolCallPart)]
    if calls and role == "assistant":
        message |= {"tool_calls": calls, "content": message["content"] or None}
    return [*results, message]


def _content(parts: list[Part]) -> str | list[dict[str, Any]]:
    if not any(isinstance(part, ImagePart) for part in parts):
        return text_of(parts)
    return [_part(part) for part in parts if isinstance(part, TextPart | ImagePart)]


def _part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    detail = {"detail": part.detail} if part.detail else {}
    return {"type": "image_url", "image_url": {"url": image_address(part), **detail}}


def _call(part: ToolCallPart) -> dict[str, Any]:
    arguments = msgspec.json.encode(part.args).decode()
    return {"id": part.tool_call_id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}
