"""What kinds of work there are: how each is run, which Celery task wakes it, what happens when it is given up."""

from collections.abc import Callable

import msgspec

from bus.work.lease import Lease


def _nothing(held: Lease, detail: str) -> None:
    """Whoever asked finds the refusal with the work."""


class Kind(msgspec.Struct, frozen=True):
    """`run` does the work and brings it to a final state; `parked` is told when it never will, `refused` when it was
    refused for good."""

    name: str
    task: str
    run: Callable[[Lease], None]
    parked: Callable[[Lease, str], None]
    refused: Callable[[Lease, str], None] = _nothing


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; called when an application gets ready."""
    _kinds[kind.name] = kind


def named(name: str) -> Kind:
    """The kind of that name."""
    return _kinds[name]
