"""What OpenAI's chat completions look like on the wire, and the script of one answer; for `tests.harness.provider`.

After https://platform.openai.com/docs/api-reference/chat, errors after .../docs/guides/error-codes."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

IDENT = "chatcmpl-scripted"
ARGUMENTS = '{"query": "snowman \\u2603"}'
PROMPT_TOKENS = 7
ERRORS = {
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    404: ("invalid_request_error", "unknown_url", "Unknown request URL."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached."),
}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Script:
    """One answer: `words` words with `pause` seconds between them, the first after `first` seconds; or a refusal with
    `status` (and Retry-After); or a call of `tool`. -1: never cut, no malformed chunk; otherwise the word's number."""

    words: int = 5
    pause: float = 0.0
    first: float = 0.0
    status: int = 200
    retry_after: int = 0
    cut_after: int = -1
    malformed_at: int = -1
    tool: str = ""

    @classmethod
    def named(cls, model: str) -> "Script":
        """The script in a model's name, such as `scripted?words=3&pause=0.1`. Raises KeyError for unknown options."""
        kinds: dict[str, Callable[[str], Any]] = get_type_hints(cls)
        return cls(**{name: kinds[name](value) for name, value in parse_qsl(model.partition("?")[2])})

    @property
    def text(self) -> str:
        """The whole answer, as an undisturbed client gets it."""
        return "" if self.tool else "".join(self.word(number) for number in range(self.words))

    def word(self, number: int) -> str:
        """One piece of it; some are not ASCII."""
        return f"word{number}{'é☃' if number % 3 == 0 else ''} "


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Path, headers (names in lower case) and body of one request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return head[0].split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0")))


def refusal(status: int, retry_after: int) -> bytes:
    """An error as OpenAI words it."""
    kind, code, message = ERRORS.get(status, ("server_error", None, "The server had an error."))
    error = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return _response(status, error, f"Retry-After: {retry_after}\r\n" if retry_after else "")


def whole(body: dict[str, Any], script: Script) -> bytes:
    """The answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": None if script.tool else script.text, "refusal": None}
    if script.tool:
        message["tool_calls"] = [_tool_call(script.tool, ARGUMENTS)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(script)}
    return _response(200, {**_head(body, "chat.completion"), "choices": [choice], "usage": usage(script)})


def pieces(body: dict[str, Any], script: Script) -> Iterator[str]:
    """The answer as server-sent events, one by one; words first, so that their numbers are the script's."""
    deltas: list[dict[str, Any]] = [{"content": script.word(number)} for number in range(script.words)]
    if script.tool:
        named = {"index": 0, **_tool_call(script.tool, "")}
        rest = [{"index": 0, "function": {"arguments": piece}} for piece in (ARGUMENTS[:9], ARGUMENTS[9:])]
        deltas = [{"content": None, "tool_calls": [call]} for call in (named, *rest)]
    for number, delta in enumerate(deltas):
        started = {"role": "assistant", **delta} if number == 0 else delta
        yield _event("{not json" if number == script.malformed_at else _chunk(body, started, None))
    yield _event(_chunk(body, {}, _reason(script)))
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**_head(body, "chat.completion.chunk"), "choices": [], "usage": usage(script)})
    yield "data: [DONE]\n\n"


def chunk(text: str) -> bytes:
    """A piece of a body in chunked transfer coding; the empty one ends it."""
    data = text.encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def usage(script: Script) -> dict[str, int]:
    """The tokens of an answer: one for each word."""
    completion = 1 if script.tool else script.words
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": completion,
        "total_tokens": PROMPT_TOKENS + completion,
    }


def _response(status: int, body: dict[str, Any], more: str = "") -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": IDENT, "object": kind, "created": int(time.time()), "model": body["model"]}


def _chunk(body: dict[str, Any], delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return {**_head(body, "chat.completion.chunk"), "choices": [choice]}


def _event(value: dict[str, Any] | str) -> str:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


def _reason(script: Script) -> str:
    return "tool_calls" if script.tool else "stop"


def _tool_call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call_scripted", "type": "function", "function": {"name": name, "arguments": arguments}}
