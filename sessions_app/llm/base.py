"""The protocol between the engine and the providers: a request in, an async stream of deltas and one usage out."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar, Protocol

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One message as a model sees it."""

    role: str
    text: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is asked."""

    model: str
    turns: tuple[Turn, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    options: dict[str, Any] = {}


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the answer, never empty."""

    text: str


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of the answer: why, and how many tokens were used."""

    reason: str = "stop"
    prompt_tokens: int
    completion_tokens: int


class ProviderError(Exception):
    """The provider refused or failed. `permanent`: asking again will not help."""

    def __init__(self, detail: str, *, permanent: bool) -> None:
        super().__init__(detail)
        self.permanent = permanent


class Provider(Protocol):
    """One provider. `windows`: models it knows by itself, with their windows in tokens; `free`: costs nothing."""

    name: ClassVar[str]
    windows: ClassVar[dict[str, int]]
    free: ClassVar[bool]

    def stream(self, request: Request) -> AsyncIterator[TextDelta | Finish]:
        """The answer, piece by piece, ending with one Finish. Raises ProviderError."""
