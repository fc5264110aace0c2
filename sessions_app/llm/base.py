"""The protocol between the engine and the providers: a request in, an async stream of pieces and one Finish out.

Providers translate; they decide, store and retry nothing. The engine owns time limits, retries and cost."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Literal, Protocol

import msgspec

from sessions_app.values import Content, Role


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message as a model sees it: the parts of document 003; a tool's answer is a turn of role `tool`."""

    role: Role
    content: Content


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool the model may call. `parameters` is the JSON Schema of its arguments; `strict`: whether to hold the model
    to it, for providers that can."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is asked. `options` are the session's `provider_options`, handed on as they are."""

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    options: dict[str, Any] = {}


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the answer, never empty."""

    text: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request to call a tool, once its arguments are complete. `args` is None where they were not a JSON
    object; `raw` is what the model wrote."""

    tool_call_id: str
    name: str
    args: dict[str, Any] | None
    raw: str = ""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one call in disjoint buckets: their sum is what was processed, each is priced by itself.

    `input_tokens` were neither read from nor written to a cache; `output_tokens` are without reasoning. `raw` is the
    provider's own block, kept for re-pricing."""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    raw: dict[str, Any] = {}

    @property
    def prompt_tokens(self) -> int:
        """Everything the model read: what occupied the window before it answered."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def completion_tokens(self) -> int:
        """Everything it wrote."""
        return self.output_tokens + self.reasoning_tokens


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the answer. `usage` is None where the provider did not say."""

    reason: FinishReason = "stop"
    usage: Usage | None = None


Piece = TextDelta | ToolCall | Finish

ErrorCode = Literal[
    "authentication", "rate-limited", "unavailable", "timeout", "network", "malformed", "refused", "not-configured"
]


class ProviderError(Exception):
    """The provider refused or failed. `permanent`: asking again will not help. `retry_after` is in seconds.

    `detail` is shown to users: it never holds a key, a header or an address with credentials."""

    def __init__(self, detail: str, *, code: ErrorCode, permanent: bool, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.permanent = permanent
        self.retry_after = retry_after


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A key and the one origin it may be sent to. `repr` shows neither."""

    api_key: str = ""
    base_url: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Provider(Protocol):
    """One provider, made once per process and credentials; used from many streams on one event loop.

    `windows`: models it knows by itself, with their windows in tokens; `free`: costs nothing."""

    name: ClassVar[str]
    windows: ClassVar[dict[str, int]]
    free: ClassVar[bool]

    def __init__(self, credentials: Credentials) -> None:
        """Opens nothing yet."""

    def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece, ending with one Finish. Raises ProviderError; closing it closes the call."""

    async def aclose(self) -> None:
        """Close the client."""
