"""A log that was recorded elsewhere, written as it is: its ids, versions and times stay. Called inside the transaction
of a command that vouches for it, before that command.

As in a replay, no reaction is run; nobody is told of events that happened long ago, and durable subscribers are given
them only if they ask for it. Actors are what the file says, and are marked as that."""

from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from bus.exceptions import AlreadyExists
from bus.log import replay, store
from bus.messages import Envelope
from bus.registry import Registry

PAGE = 500


def write(registry: Registry, stream: UUID, envelopes: Iterator[Envelope]) -> None:
    """Store and project them; they must begin at version 1 and have no gap. Raises AlreadyExists where there is such a
    stream, and what projections raise of a log that cannot be told."""
    store.lock_name(stream)
    if not store.create(stream):
        raise AlreadyExists(f"Session {stream} already exists.")
    while page := list(islice(envelopes, PAGE)):
        store.insert(stream, page)
        replay.rebuild(registry, page, stream=stream)
