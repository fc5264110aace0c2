"""Anthropic's messages API."""

from typing import Any, ClassVar

from sessions_app.llm.base import Request, Tool, Turn
from sessions_app.llm.providers.anthropic_reading import AnthropicReading
from sessions_app.llm.providers.failures import failure
from sessions_app.llm.providers.http import HttpProvider, Reading, check_options
from sessions_app.llm.providers.wire import image_address
from sessions_app.values import ImagePart, Part, Role, TextPart, ToolCallPart, text_of

REFUSED = frozenset(
    {
        *("model", "messages", "system", "stream", "tools", "mcp_servers", "container"),
        *("api_key", "auth_token", "base_url", "http_client", "timeout", "max_retries"),
        *("headers", "extra_headers", "extra_query", "extra_body"),
    }
)
"""Options that are the server's to decide; all others go into the request's body as they are."""
MAX_TOKENS = 4096
"""The API asks for a limit; this is what its oldest models still allow."""


class AnthropicProvider(HttpProvider):
    """Messages, streamed."""

    name: ClassVar[str] = "anthropic"
    sdk: ClassVar[str] = "anthropic"
    client_class: ClassVar[str] = "AsyncAnthropic"
    official: ClassVar[str] = "https://api.anthropic.com"
    path: ClassVar[str] = "/v1/messages"
    settings: ClassVar[dict[str, Any]] = {"open_telemetry": False}  # traces are ours

    def body(self, request: Request) -> dict[str, Any]:
        """The request of the messages API; all system turns are its one system prompt."""
        check_options(request, REFUSED)
        system = [text_of(turn.content) for turn in request.turns if turn.role == Role.SYSTEM]
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_tokens or MAX_TOKENS,
            "messages": messages([turn for turn in request.turns if turn.role != Role.SYSTEM]),
            "stream": True,
        }
        if any(system):
            body["system"] = "\n\n".join(text for text in system if text)
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
        if request.temperature is not None:
            body["temperature"] = request.temperature
        return body | request.options

    def reading(self) -> Reading:
        """Reads events."""
        return AnthropicReading(self._credentials.api_key)


def messages(turns: list[Turn]) -> list[dict[str, Any]]:
    """The turns as messages; neighbours of one role are one message, as the results of parallel calls must be."""
    found: list[dict[str, Any]] = []
    for turn in turns:
        role = "assistant" if turn.role == Role.ASSISTANT else "user"
        blocks = [block for part in turn.content for block in _blocks(part, role)]
        if blocks and found and found[-1]["role"] == role:
            found[-1]["content"] += blocks
        elif blocks:
            found.append({"role": role, "content": blocks})
    for message in found:  # results stand before words
        message["content"].sort(key=lambda block: block["type"] != "tool_result")
    return found


def _blocks(part: Part, role: str) -> list[dict[str, Any]]:
    """A part as content; an empty text, and what this role cannot say, are left out."""
    if isinstance(part, TextPart):
        return [{"type": "text", "text": part.text}] if part.text.strip() else []
    if isinstance(part, ImagePart):
        return [{"type": "image", "source": _source(part)}] if role == "user" else []
    if isinstance(part, ToolCallPart):
        call = {"type": "tool_use", "id": part.tool_call_id, "name": part.name, "input": part.args}
        return [call] if role == "assistant" else []
    return [{"type": "tool_result", "tool_use_id": part.tool_call_id, "content": part.content}]


def _source(part: ImagePart) -> dict[str, str]:
    url = image_address(part)
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise failure("refused", "An image as data: is written data:image/png;base64,….")
    return {"type": "base64", "media_type": head.removesuffix(";base64"), "data": data}


def _tool(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
