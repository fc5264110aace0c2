"""How a run at work tells what becomes of it: commands, each written only while its lease is held."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import OperationalError, connections

from bus.bus import bus
from bus.messages import Actor, Command, CommandResult, Context
from bus.work import lease
from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.llm import chunks
from sessions_app.values import RunOutcome

ENGINE = Actor("system", "engine")
END_PAUSE = 0.5
_PASSES = ("08", "53", "57")
"""SQLSTATE classes that another try may cure: connections, resources, shutdown. None: the connection broke."""


def report(held: Lease, command: Command, after: Callable[[CommandResult], None] | None = None) -> CommandResult:
    """One command. A paid answer is in memory only, so a database that is away is waited for as long as the lease may
    last. Raises LeaseLost, Refused."""
    context = Context(actor=ENGINE, correlation_id=held.correlation)
    deadline = time.monotonic() + settings.BUS_LEASE_SECONDS
    while True:
        try:
            return bus.execute(command, context, before=partial(lease.hold, held), after=after)
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            connections.close_all()
            if time.monotonic() > deadline or (state is not None and not state.startswith(_PASSES)):
                raise
            time.sleep(END_PAUSE)


def end(held: Lease, outcome: RunOutcome, **how: Any) -> None:
    """The last command: its effect, the end of the work and the removal of the chunks commit together."""
    command = commands.EndRun(session_id=held.stream, run_id=held.id, outcome=outcome, **how)

    def after(result: CommandResult) -> None:
        lease.finish(held, "done", result={"version": result.version})
        chunks.remove(held.id)

    report(held, command, after)
