"""The body of a chat completion: what of OpenAI's parameters is understood, what it becomes for a run, what is refused.

After https://platform.openai.com/docs/api-reference/chat/create."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from bus import untrusted
from bus.exceptions import Invalid
from sessions_app.commands.chats import Line
from sessions_app.openai_front import lines, naming, options
from sessions_app.openai_front.errors import wrong
from sessions_app.openai_front.options import Choice
from sessions_app.values import ClientTool, MaxTokens, Metadata, RunConfig, Temperature

SESSION_HEADER = "X-Parley-Session"


class StreamOptions(msgspec.Struct, frozen=True):
    """Of the stream."""

    include_usage: bool = False


class Function(msgspec.Struct, frozen=True):
    """What a tool is called, and with what."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class FunctionTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """A tool of the client's."""

    function: Function


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What is understood here; options for the provider are in `options.py`."""

    model: str
    messages: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=2000)]
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    max_completion_tokens: MaxTokens | None = None
    tools: Annotated[list[FunctionTool], Meta(max_length=128)] = []
    tool_choice: Choice | Literal["none", "auto", "required"] = "auto"
    n: Literal[1] = 1
    logprobs: Literal[False] = False
    modalities: list[Literal["text"]] = []
    metadata: dict[str, Any] = {}
    user: str | None = None
    store: bool = True
    session_id: UUID | None = None
    conversation_id: UUID | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A chat completion, in our words."""

    body: Body
    provider: str
    model: str
    lines: list[Line]
    config: RunConfig
    client_tools: list[ClientTool]
    server_tools: bool
    metadata: Metadata


KNOWN = frozenset(Body.__struct_fields__) | options.NAMES


def read(given: Mapping[str, Any], session: str | None) -> Wanted:
    """What a body asks for; `session` is the one that a header names. Raises FrontError that says what it is about."""
    said = {name: value for name, value in given.items() if value is not None}  # as null, they are as if left out
    for name in said:
        if name not in KNOWN:
            raise wrong(f"The parameter {name[:100]!r} is not supported here.", name[:100], "unsupported_parameter")
    body = _converted({name: said[name] for name in said if name in Body.__struct_fields__}, session)
    provider, model = naming.of(body.model)
    system, rest = lines.read(body.messages)
    chosen = _chosen(body, provider)
    asked = options.read({name: said[name] for name in said if name in options.NAMES}, provider)
    return Wanted(
        body=body,
        provider=provider,
        model=model,
        lines=rest,
        config=RunConfig(
            temperature=body.temperature,
            max_tokens=body.max_completion_tokens or body.max_tokens,
            system_prompt=system or None,
            provider_options=(asked | chosen.options) or None,
        ),
        client_tools=[_tool(tool.function, number) for number, tool in enumerate(body.tools)] if chosen.offered else [],
        server_tools=chosen.free,
        metadata={**body.metadata, **({"user": body.user} if body.user else {})},
    )


def _chosen(body: Body, provider: str) -> options.Chosen:
    if body.tools:
        return options.chosen(body.tool_choice, provider)
    if body.tool_choice in ("auto", "none"):
        return options.Chosen(free=body.tool_choice == "auto")
    raise wrong("'tool_choice' asks for a call, and there are no 'tools'.", "tool_choice")


def _converted(said: dict[str, Any], session: str | None) -> Body:
    """The body's own parameters; the session from wherever it is named."""
    metadata = said.get("metadata")
    named = session or (metadata.get("session_id") if isinstance(metadata, dict) else None)
    if named is not None and "session_id" not in said:
        said = said | {"session_id": named}
    try:
        return msgspec.convert(said, Body)
    except msgspec.ValidationError as error:
        raise _refused(error) from None


def _refused(error: msgspec.ValidationError) -> Exception:
    """The same with the place as OpenAI writes it: `messages[0].role`."""
    said, _, path = str(error).partition(" - at `$.")
    path = path.rstrip("`")
    if not path and "`" in said:  # a field that is missing
        path = said.split("`")[-2]
    return wrong(f"{said}.", path or None, "unsupported_value" if path in ("n", "logprobs") else "invalid_value")


def _tool(function: Function, number: int) -> ClientTool:
    fields = {name: getattr(function, name) for name in function.__struct_fields__}
    try:
        return untrusted.convert({name: value for name, value in fields.items() if value is not None}, ClientTool)
    except Invalid as error:
        raise wrong(error.detail, f"tools[{number}].function", "invalid_value") from None
