"""What kinds of work there are: how each is run, which Celery task wakes it, what happens when it is given up."""

import sys
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from bus.work.lease import Lease


def _nothing(held: Lease, detail: str) -> None:
    """Whoever asked finds the refusal with the work."""


class Kind(msgspec.Struct, frozen=True):
    """How one kind of work is done. `run` does it in its thread and brings it to a final state; `flow` does the same
    on the process loop, for work that mostly waits: at most `room()` of them at a time. `parked` is told when it never
    will be done, `refused` when it was refused for good."""

    name: str
    task: str
    parked: Callable[[Lease, str], None]
    run: Callable[[Lease], None] | None = None
    flow: Callable[[Lease], Coroutine[Any, Any, None]] | None = None
    room: Callable[[], int] = lambda: sys.maxsize
    refused: Callable[[Lease, str], None] = _nothing


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; called when an application gets ready."""
    _kinds[kind.name] = kind


def named(name: str) -> Kind:
    """The kind of that name."""
    return _kinds[name]


def every() -> list[Kind]:
    """All kinds."""
    return list(_kinds.values())
