"""Parameters of a chat completion that are for the provider to heed: what they are called there, and who cannot."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from sessions_app.openai_front.errors import FrontError, wrong

Penalty = Annotated[float, Meta(ge=-2, le=2)]


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What OpenAI takes, by its names."""

    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, int] | None = None
    response_format: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


NAMES = frozenset(Options.__struct_fields__)
HINTS = frozenset({"seed", "service_tier", "safety_identifier", "prompt_cache_key", "reasoning_effort", "verbosity"})
"""What changes nothing that a client could rely on: left out where the provider has no word for it."""
ANTHROPIC = {"top_p": "top_p", "stop": "stop_sequences"}
PYDANTIC = {
    **{name: name for name in ("top_p", "seed", "presence_penalty", "frequency_penalty", "parallel_tool_calls")},
    "logit_bias": "logit_bias",
    "stop": "stop_sequences",
}
NAMED: dict[str, dict[str, str]] = {
    "openai": {name: name for name in NAMES},
    "anthropic": ANTHROPIC,
    "pydantic_ai": PYDANTIC,
}


class Name(msgspec.Struct, frozen=True):
    """Of a tool."""

    name: str


class Choice(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    """The tool that must be called."""

    function: Name


class Chosen(NamedTuple):
    """Whether the client's tools are offered, whether the model is free to choose among all, and the provider's
    options for that."""

    offered: bool = True
    free: bool = True
    options: dict[str, Any] = {}


def read(given: dict[str, Any], provider: str) -> dict[str, Any]:
    """The provider's own options. Raises FrontError for what it cannot do."""
    try:
        said = msgspec.to_builtins(msgspec.convert(given, Options))
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$.")
        raise wrong(f"{text}.", path.rstrip("`") or None, "invalid_value") from None
    if provider not in NAMED:  # `echo`, which does as its script says
        return {}
    names, found = NAMED[provider], {}
    for name, value in said.items():
        if name in names:
            found[names[name]] = [value] if names[name] == "stop_sequences" and isinstance(value, str) else value
        elif name not in HINTS and not _says_nothing(name, value):
            raise _cannot(name, provider)
    return found


def _says_nothing(name: str, value: Any) -> bool:
    """Whether it is what happens anyway."""
    return value in (0, {}, {"type": "text"}) or (name == "parallel_tool_calls" and value is True)


def chosen(choice: Choice | Literal["none", "auto", "required"], provider: str) -> Chosen:
    """What a `tool_choice` comes to. Raises FrontError."""
    if choice == "auto":
        return Chosen()
    if provider not in CHOICES:
        if choice == "none":
            return Chosen(offered=False, free=False)
        raise _cannot("tool_choice", provider)
    return Chosen(free=False, options={"tool_choice": CHOICES[provider](choice)})


def _openai(choice: Any) -> Any:
    return msgspec.to_builtins(choice)


def _anthropic(choice: Any) -> Any:
    if isinstance(choice, Choice):
        return {"type": "tool", "name": choice.function.name}
    return {"type": "any" if choice == "required" else "none"}


CHOICES: dict[str, Callable[[Any], Any]] = {"openai": _openai, "anthropic": _anthropic}


def _cannot(name: str, provider: str) -> FrontError:
    return wrong(f"The provider {provider!r} does not support {name!r}.", name, "unsupported_parameter")
