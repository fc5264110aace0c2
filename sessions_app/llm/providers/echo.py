"""The offline provider: answers with what was said, clearly labelled, at a speed one can watch. Needs no key.

Its options are a script, so that every path of an answer can be shown and tested without a key."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import msgspec
from msgspec import Meta

from sessions_app.llm.base import (
    Credentials,
    ErrorCode,
    Finish,
    FinishReason,
    Piece,
    ProviderError,
    Request,
    TextDelta,
    ToolCall,
    Usage,
)
from sessions_app.llm.providers.failures import failure
from sessions_app.values import Role, ToolResultPart, text_of

LABEL = "[echo] "
MOST_CHARACTERS = 200_000


class Call(msgspec.Struct, frozen=True):
    """The tool to call, and with what."""

    name: str
    args: dict[str, Any] = {}


class Script(msgspec.Struct, frozen=True):
    """What to do. Options of other names are no concern of ours."""

    delay: Annotated[float, Meta(ge=0, le=5)] = 0.03
    """Seconds between words."""
    repeat: Annotated[int, Meta(ge=1)] = 1
    """How often the text is said."""
    text: str | None = None
    """Said instead of the last message."""
    tool: Call | None = None
    """Called first, if the request offers it."""
    fail: Annotated[int, Meta(ge=0)] | None = None
    """Fail after so many words; with `error` alone before the first."""
    only: str | None = None
    """Fail only where the last message of the user has this text in it."""
    error: ErrorCode | None = None
    permanent: bool | None = None
    retry_after: Annotated[float, Meta(ge=0)] | None = None
    finish: FinishReason = "stop"
    """`length` as if the answer were cut at its limit."""


class EchoProvider:
    """Streams word by word, as its Script says."""

    name: ClassVar[str] = "echo"
    windows: ClassVar[dict[str, int]] = {"echo": 8192}
    free: ClassVar[bool] = True

    def __init__(self, credentials: Credentials = Credentials()) -> None:  # noqa: B008  (frozen)
        """Takes credentials as all providers do, and has no use for them."""

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The last user message again, with a label that says no model was asked."""
        script = script_of(request)
        call, text = script.tool, text_for(script, request)
        fails_after = failing(script, request)
        reads = sum(tokens(text_of(turn.content)) for turn in request.turns)
        if call is not None and calls(call, request):
            raw = msgspec.json.encode(call.args).decode()
            yield ToolCall(tool_call_id=f"echo-{uuid4().hex}", name=call.name, args=call.args, raw=raw)
            yield Finish(reason="tool_calls", usage=Usage(input_tokens=reads, output_tokens=tokens(raw)))
            return
        words = re.findall(r"\s*\S+|\s+$", text)
        for number, word in enumerate(words):
            if number == fails_after:
                raise scripted_error(script)
            yield TextDelta(word)
            await asyncio.sleep(script.delay)
        yield Finish(reason=script.finish, usage=Usage(input_tokens=reads, output_tokens=tokens(text)))

    async def aclose(self) -> None:
        """Nothing was opened."""


def script_of(request: Request) -> Script:
    """The options as a script. Raises ProviderError for what would keep a worker busy, or means nothing."""
    try:
        return msgspec.convert(request.options, Script)
    except msgspec.ValidationError as error:
        raise failure("refused", f"The echo provider does not know what to do: {error}.") from None


def failing(script: Script, request: Request) -> int | None:
    """After how many words to fail; None: not at all."""
    if script.only is not None and script.only not in asked(request):
        return None
    return 0 if script.fail is None and script.error is not None else script.fail


def asked(request: Request) -> str:
    """The last message of the user."""
    return next((text_of(turn.content) for turn in reversed(request.turns) if turn.role == Role.USER), "")


def text_for(script: Script, request: Request) -> str:
    """What will be said: the script's text, a tool's result, or the last message of the user."""
    last = request.turns[-1].content if request.turns else []
    results = [part.content for part in last if isinstance(part, ToolResultPart)]
    text = script.text if script.text is not None else " ".join(results) or asked(request)
    if script.repeat > MOST_CHARACTERS // (len(LABEL + text) + 1):
        raise failure("refused", f"'repeat' must not bring the text over {MOST_CHARACTERS} characters.")
    return LABEL + " ".join([text] * script.repeat)


def calls(call: Call, request: Request) -> bool:
    """Whether the tool is to be called now: it is offered, and no result is being answered."""
    answered = bool(request.turns) and any(isinstance(part, ToolResultPart) for part in request.turns[-1].content)
    return not answered and any(tool.name == call.name for tool in request.tools)


def scripted_error(script: Script) -> ProviderError:
    """The failure that was asked for; permanent unless its code or the script says otherwise."""
    refused = failure(script.error or "refused", "The echo provider was asked to fail.", retry_after=script.retry_after)
    if script.permanent is not None:
        refused.permanent = script.permanent
    return refused


def tokens(text: str) -> int:
    """A rough count for a provider that has no tokenizer: four characters a token."""
    return -(-len(text) // 4)
