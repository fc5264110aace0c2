"""A plugin that switches one mechanism off, named by SABOTAGE: for `tests.promises.mutants` only."""

import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from bus.bus import bus
from bus.log import idempotency, transaction
from bus.messages import Actor, Context, uuid7
from bus.work import kinds, lease
from bus.work.lease import Lease


def _put(owner: Any, name: str, value: Any) -> None:
    patch.object(owner, name, value).start()  # for the life of the process


def no_claim() -> None:
    """Idempotency keys are not looked at."""
    _put(idempotency, "claim", lambda command, context: None)
    _put(idempotency, "keep", lambda result, context: None)


def no_fence() -> None:
    """A worker neither holds its lease while it writes, nor writes under the work's id."""
    command = kinds.named("command")

    def unfenced(held: Lease) -> None:
        wanted = bus.registry.command(held.name, held.payload["command"])
        bus.execute(wanted, Context(actor=Actor.parse(held.actor), command_id=uuid7()))
        lease.finish(held, "done")

    _put(kinds, "named", lambda name: replace(command, run=unfenced))


def no_expected() -> None:
    """`expected_version` is not compared."""
    init = transaction.Transaction.__init__

    def forgetful(self: Any, registry: Any, context: Any) -> None:
        init(self, registry, replace(context, expected_version=None))

    _put(transaction.Transaction, "__init__", forgetful)


def no_outage() -> None:
    """An outage of PostgreSQL is an error like any other."""
    from sessions_app.api import problems

    class Never(Exception):
        """Nothing raises it."""

    _put(problems, "OperationalError", Never)


KINDS: dict[str, Callable[[], None]] = {made.__name__: made for made in (no_claim, no_fence, no_expected, no_outage)}

KINDS[os.environ["SABOTAGE"]]()
