"""Tokens, estimated: no tokenizer is asked, since each model has its own."""

import math
from collections.abc import Iterable

import msgspec

from sessions_app.llm.base import Tool, Turn
from sessions_app.values import Content, ImagePart, Part, TextPart, ToolCallPart, ToolResultPart

ASCII_PER_TOKEN = 4
"""The providers' own rule of thumb for English text."""
OTHER_BYTES_PER_TOKEN = 3
"""UTF-8 bytes outside ASCII: about one token for a Chinese character, two thirds for a Cyrillic one. On the safe
side for newer tokenizers."""
MESSAGE = 4
"""What frames one message (OpenAI's cookbook: 3, and 1 for the role)."""
CALL = 8
TOOL = 12
LOW_IMAGE, IMAGE = 85, 1_600
"""An image by its detail. Fixed, as its size is not known here: `low` is what OpenAI charges; otherwise the most that
Anthropic does, which is more than most images cost."""
RESERVE = 8_192
"""Tokens kept free for the answer where `max_tokens` does not say; in small windows, a quarter."""


def text(said: str) -> int:
    """Tokens of a text by itself."""
    return math.ceil(_raw(said))


def message(content: Content) -> int:
    """Tokens of one message: its parts and its frame."""
    return math.ceil(MESSAGE + sum(_part(part) for part in content))


def turns(sent: Iterable[Turn]) -> int:
    """Tokens of messages as they are sent."""
    return sum(message(turn.content) for turn in sent)


def tools(offered: Iterable[Tool]) -> int:
    """Tokens of the tools' descriptions and schemas, which every request carries."""
    return sum(math.ceil(TOOL + _raw(tool.name + tool.description) + _json(tool.parameters)) for tool in offered)


def room(window: int | None, max_tokens: int | None, tools_tokens: int = 0) -> int | None:
    """The tokens messages may take: the window without the answer and the tools. None where the window is unknown."""
    if window is None:
        return None
    return max(0, window - answer_room(window, max_tokens) - tools_tokens)


def answer_room(window: int | None, max_tokens: int | None) -> int:
    """The tokens kept free for the answer."""
    if max_tokens is not None:
        return max_tokens
    return RESERVE if window is None else min(RESERVE, window // 4)


def _raw(said: str) -> float:
    if said.isascii():
        return len(said) / ASCII_PER_TOKEN
    plain = len(said.encode("ascii", "ignore"))
    other = len(said.encode("utf-8", "surrogatepass")) - plain
    return plain / ASCII_PER_TOKEN + other / OTHER_BYTES_PER_TOKEN


def _json(value: object) -> float:
    return _raw(msgspec.json.encode(value).decode())


def _part(part: Part) -> float:
    match part:
        case TextPart():
            return _raw(part.text)
        case ImagePart():
            return LOW_IMAGE if part.detail == "low" else IMAGE
        case ToolCallPart():
            return CALL + _raw(part.name) + _json(part.args)
        case ToolResultPart():
            return CALL + _raw(part.content)
