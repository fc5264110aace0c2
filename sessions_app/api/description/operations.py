"""How a view says what it takes and gives: `@describes(...)` on each method. `openapi` makes the document of it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

F = TypeVar("F", bound=Callable[..., Any])


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query; `kind` is its type, with msgspec's constraints."""

    name: str
    kind: Any
    meaning: str
    required: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What one method of an address takes and gives.

    - `name`: the operation's id; by default the view's `command`.
    - `command`: the commands whose fields are the body (any of them), without what the address fixes; by default the
      view's. `body`: instead, a type. `renamed`: names of the body, and the fields they stand for.
      `more`: further fields, with their types; `hidden`: fields that cannot be given.
    - `uploads`: further types of bodies, by media type, as JSON schemas.
    - `gives`: the type of the answer's JSON, or a tuple of several; None: there is no body. `also`: further answers by
      status, with a type. `media`: further media types of the answer, as JSON schemas.
    - `if_match`: whether the header is `required` or `optional` for a write. `versioned`: the body may carry
      `expected_version`.
    - `located`: what is made has an address, which `Location` says.
    - `headers`: further headers that are asked for, by their names in `components`.
    - `codes`: refusals of its own, beside those that such a method always has.
    - `errors`: the type of its refusals, where they are no problem documents.
    - `example`: an acceptable body."""

    name: str = ""
    status: int = 200
    gives: Any = None
    also: dict[int, Any] = {}
    media: dict[str, Any] = {}
    command: tuple[str, ...] = ()
    body: Any = None
    renamed: dict[str, str] = {}
    more: dict[str, Any] = {}
    hidden: tuple[str, ...] = ()
    uploads: dict[str, Any] = {}
    query: tuple[Parameter, ...] = ()
    paged: bool = False
    if_match: str = "optional"
    versioned: bool = False
    etag: bool = True
    located: bool = True
    async_too: bool = False
    headers: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    errors: Any = None
    example: Any = None


def describes(name: str = "", **what: Any) -> Callable[[F], F]:
    """Declares an operation; `what` are the fields of Operation."""
    operation = Operation(name=name, **what)

    def declare(method: F) -> F:
        method.operation = operation  # type: ignore[attr-defined]
        return method

    return declare


def declared(view: Any, method: str) -> Operation | None:
    """What a view's method has declared; None: nothing."""
    found: Operation | None = getattr(getattr(view, method.lower(), None), "operation", None)
    return found
