"""The domain's values (document 003): roles, content parts, messages, configuration, metrics. Frozen, plain, typed."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bus.messages import StrictMeta


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    FUNCTION = "function"
    SUMMARY = "summary"


class Value(metaclass=StrictMeta, omit_defaults=True):
    """Base of the values; fields left at their default are not written."""


class TextPart(Value, tag_field="type", tag="text"):
    """Text."""

    text: str


class ImagePart(Value, tag_field="type", tag="image"):
    """An image by URL; `detail` is how closely a model should look."""

    url: Annotated[str, Meta(min_length=1, max_length=8192)]
    detail: Literal["low", "high", "auto"] | None = None
    alt_text: str | None = None


class ToolCallPart(Value, tag_field="type", tag="tool_call"):
    """A model's request to call a tool."""

    tool_call_id: str
    name: str
    args: dict[str, Any]


class ToolResultPart(Value, tag_field="type", tag="tool_result"):
    """What the tool answered."""

    tool_call_id: str
    content: str


Part = TextPart | ImagePart | ToolCallPart | ToolResultPart
Content = list[Part]
Metadata = dict[str, Any]
Title = Annotated[str, Meta(max_length=200)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
UserId = Annotated[int, Meta(ge=1, le=2**31 - 1)]
ShareRole = Literal["viewer", "editor"]
Days = Annotated[int, Meta(ge=0, le=36_500)]
Label = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
CallId = Annotated[str, Meta(max_length=200)]
Strategy = Literal["summarize", "truncate", "relevance", "adaptive"]
OnBusy = Literal["reject", "enqueue", "interrupt"]
OnInterrupt = Literal["keep", "retry"]
RunOutcome = Literal["completed", "incomplete", "failed", "cancelled", "interrupted"]
Temperature = Annotated[float, Meta(ge=0.0, le=2.0)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
MaxTokens = Annotated[int, Meta(ge=1, le=10_000_000)]
Timeout = Annotated[float, Meta(gt=0, le=604_800)]
"""Seconds, at most a week."""
MOST_USD, USD_PLACES = Decimal(10) ** 10, 16


def parts(content: str | Content) -> Content:
    """Content as parts; a string is one text part."""
    return [TextPart(text=content)] if isinstance(content, str) else content


def to_content(stored: Any) -> Content:
    """Parts from their JSON values."""
    return msgspec.convert(stored, Content)


def text_of(content: Content) -> str:
    """The text parts, joined."""
    return "".join(part.text for part in content if isinstance(part, TextPart))


class ChatMessage(Value):
    """One message of a conversation."""

    id: UUID
    role: Role
    content: Content
    created_at: datetime | None = None
    tool_call_id: str | None = None
    tool_calls: list[ToolCallPart] = []
    metadata: Metadata = {}


class SessionConfig(Value):
    """Which model answers, and how."""

    provider: Name
    model: Name
    system_prompt: str | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    context_strategy: Strategy | None = None
    tools: list[Name] | None = None
    provider_options: Metadata | None = None


class ConfigPatch(Value):
    """Changes to a configuration: what is unset stays, null removes, `provider_options` merge deeply."""

    provider: Name | UnsetType = UNSET
    model: Name | UnsetType = UNSET
    system_prompt: str | UnsetType | None = UNSET
    temperature: Temperature | UnsetType | None = UNSET
    max_tokens: MaxTokens | UnsetType | None = UNSET
    context_strategy: Strategy | UnsetType | None = UNSET
    tools: list[Name] | UnsetType | None = UNSET
    provider_options: Metadata | UnsetType | None = UNSET


class RunConfig(Value):
    """What one run has instead of its session's configuration; what is not said stays as the session has it, also each
    of the `provider_options`."""

    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    system_prompt: str | None = None
    provider_options: Metadata | None = None


class ClientTool(Value):
    """A tool that whoever asked for a run will use himself; `parameters` is the JSON Schema of its arguments. `strict`:
    whether the provider is to hold the model to it, where it can."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}\Z")]
    description: str = ""
    parameters: Metadata = {}
    strict: bool | None = None


class RunBudget(Value):
    """The most that one run may use, over all its requests. What is not said is not limited."""

    tokens: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    usd: Decimal | None = None

    def __post_init__(self) -> None:
        """An amount that a column of money could hold. Raises ValueError."""
        usd = self.usd
        if usd is None:
            return
        if not usd.is_finite() or not 0 < usd < MOST_USD or int(usd.as_tuple().exponent) < -USD_PLACES:
            raise ValueError(f"Expected an amount of USD above 0, with at most {USD_PLACES} decimals")


class MetricsPatch(Value):
    """A correction of the totals: what is unset stays."""

    prompt_tokens: Count | UnsetType = UNSET
    completion_tokens: Count | UnsetType = UNSET
    context_tokens: Count | UnsetType = UNSET


class TokenMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A session's usage. `estimated_cost` is in USD; `None` means unknown, as does a window of `None`.

    `context_tokens` is how many tokens the last request occupied (its prompt and completion)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    estimated_cost: Decimal | None = Decimal(0)
    context_tokens: int = 0
    context_utilization: float | None = 0.0
    max_context_window: int | None = None

    @classmethod
    def of(cls, prompt: int, completion: int, cost: Decimal | None, context: int, window: int | None) -> "TokenMetrics":
        """The metrics with their derived members: the total, and the occupancy of the window (0 to 1 and above)."""
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            estimated_cost=cost,
            context_tokens=context,
            context_utilization=context / window if window else None,
            max_context_window=window,
        )


class NewCost(Value):
    """One entry of the ledger and what it costs by today's knowledge, in USD; `before` None: it was unknown."""

    usage_id: UUID
    before: Decimal | None
    cost: Decimal


def merge(base: Metadata, patch: Metadata) -> Metadata:
    """`patch` merged deeply into a copy of `base`; null removes (RFC 7396)."""
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = merge({}, value) if isinstance(value, dict) else value
    return merged
