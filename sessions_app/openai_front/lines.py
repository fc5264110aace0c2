"""Messages as OpenAI's clients write them, and what they are here. What a client adds to them is left out."""

from typing import Annotated, Any, Literal

import msgspec

from bus import untrusted
from bus.exceptions import Malformed
from sessions_app.commands.chats import Line
from sessions_app.openai_front.errors import wrong
from sessions_app.values import CallId, Content, ImagePart, Role, TextPart, ToolCallPart, ToolResultPart, text_of

NOT_AN_OBJECT = "not a JSON object"
"""Where the engine, too, keeps arguments that are none (`llm/calls.py`)."""


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Text."""

    text: str


class Declined(msgspec.Struct, frozen=True, tag_field="type", tag="refusal"):
    """What an assistant said instead of an answer."""

    refusal: str


class Address(msgspec.Struct, frozen=True):
    """Of an image."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class Image(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image."""

    image_url: Address


class Called(msgspec.Struct, frozen=True):
    """What was called; `arguments` is JSON in a string."""

    name: Annotated[str, msgspec.Meta(max_length=100)]
    arguments: str = ""


class Call(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A call of a tool."""

    id: CallId
    function: Called


Spoken = str | list[Text]


class System(msgspec.Struct, frozen=True, tag_field="role", tag="system"):
    """How to answer."""

    content: Spoken


class Developer(msgspec.Struct, frozen=True, tag_field="role", tag="developer"):
    """The same under its newer name."""

    content: Spoken


class User(msgspec.Struct, frozen=True, tag_field="role", tag="user"):
    """What is asked."""

    content: str | list[Text | Image]


class Assistant(msgspec.Struct, frozen=True, tag_field="role", tag="assistant"):
    """What was answered."""

    content: str | list[Text | Declined] | None = None
    tool_calls: list[Call] | None = None


class ToolAnswer(msgspec.Struct, frozen=True, tag_field="role", tag="tool"):
    """What a tool answered."""

    tool_call_id: CallId
    content: Spoken


Message = System | Developer | User | Assistant | ToolAnswer


def read(messages: list[dict[str, Any]]) -> tuple[str, list[Line]]:
    """The system prompt they begin with, and all others. Raises FrontError."""
    found = [_line(message, number) for number, message in enumerate(messages)]
    first = next((number for number, line in enumerate(found) if line.role is not Role.SYSTEM), len(found))
    return "\n\n".join(text_of(line.content) for line in found[:first]), found[first:]


def _line(message: dict[str, Any], number: int) -> Line:
    try:
        said: Message = msgspec.convert(message, Message)
        return Line(role=_role(said), content=_content(said, number))
    except Malformed as error:
        raise wrong(error.detail, f"messages[{number}].tool_calls", "invalid_value") from None
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise wrong(f"{text}.", f"messages[{number}]{path.rstrip('`')}", "invalid_value") from None


def _role(said: Message) -> Role:
    match said:
        case System() | Developer():
            return Role.SYSTEM
        case User():
            return Role.USER
        case Assistant():
            return Role.ASSISTANT
        case ToolAnswer():
            return Role.TOOL


def _content(said: Message, number: int) -> Content:
    if isinstance(said, ToolAnswer):
        return [ToolResultPart(tool_call_id=said.tool_call_id, content=_joined(said.content))]
    if isinstance(said, Assistant):
        text = _joined(said.content or "")
        calls = [_call(call) for call in said.tool_calls or []]
        return [TextPart(text=text), *calls] if text or not calls else [*calls]
    if isinstance(said, User) and not isinstance(said.content, str):
        return [_part(part, f"messages[{number}].content[{n}]") for n, part in enumerate(said.content)]
    return [TextPart(text=_joined(said.content))]


def _joined(content: str | list[Any]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text if isinstance(part, Text) else getattr(part, "refusal", "") for part in content)


def _part(part: Text | Image, where: str) -> TextPart | ImagePart:
    if isinstance(part, Text):
        return TextPart(text=part.text)
    address = part.image_url
    try:
        return msgspec.convert({"type": "image", "url": address.url, "detail": address.detail}, ImagePart)
    except msgspec.ValidationError:
        message = "An image's address has 1 to 8192 characters; a larger image is stored as an artifact: artifact:<id>."
        raise wrong(message, f"{where}.image_url.url", "invalid_value") from None


def _call(call: Call) -> ToolCallPart:
    raw = call.function.arguments
    try:
        args = msgspec.json.decode(raw) if raw.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        args = None
    if not isinstance(args, dict):
        args = {NOT_AN_OBJECT: raw}
    untrusted.check(args)
    return ToolCallPart(tool_call_id=call.id, name=call.function.name, args=args)
