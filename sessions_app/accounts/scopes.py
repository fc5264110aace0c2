"""What a token may be allowed: `<noun>:read`, `<noun>:write`, or `*` for all. Nouns are those of the REST addresses."""

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

NOUNS = ("sessions", "runs", "graphs", "artifacts", "prompts", "models", "commands", "analytics", "tokens")
ALL = "*"
SCOPES = (*(f"{noun}:{right}" for noun in NOUNS for right in ("read", "write")), ALL)
SAFE = ("GET", "HEAD", "OPTIONS")

Scope = Annotated[str, Meta(pattern=rf"^(({'|'.join(NOUNS)}):(read|write)|\*)\Z")]


def missing(needed: Iterable[str], scopes: frozenset[str] | None) -> list[str]:
    """Which of the needed scopes are not among these; None means all of them, and `` is one that only all include."""
    if scopes is None or ALL in scopes:
        return []
    return [scope for scope in needed if scope not in scopes]


def of_request(noun: str, method: str) -> str:
    """The scope that a request needs."""
    return f"{noun}:{'read' if method in SAFE else 'write'}"


def with_answer(scope: str, answer: bool) -> tuple[str, ...]:
    """What a command takes that may ask for an answer, too: a run costs money."""
    return (scope, "runs:write") if answer else (scope,)
