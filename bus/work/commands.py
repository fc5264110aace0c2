"""The kind `command`: a queued command, run like any other, its row finished in the transaction of its effect."""

from contextlib import suppress
from functools import partial

from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import Actor, Command, Context, ErrorOccurred
from bus.work import kinds, lease
from bus.work.lease import Lease

TASK = "bus.run_command"


def run(held: Lease) -> None:
    """Execute the command under its own id; commit its effect and its end together."""
    command: Command = bus.registry.command(held.name, held.payload["command"])
    context = Context(
        actor=Actor.parse(held.actor),
        command_id=held.id,
        correlation_id=held.correlation,
        expected_version=held.payload["expected_version"],
    )
    bus.execute(
        command,
        context,
        before=partial(lease.hold, held),  # first: the lock order is work, then session
        after=lambda result: lease.finish(held, "done", result={"data": result.data, "version": result.version}),
    )


def parked(held: Lease, detail: str) -> None:
    """Say in the session's log that its command was given up."""
    if held.session is None:
        return
    with suppress(Refused):  # the session was never made, or is gone; the work row keeps the error
        bus.record(ErrorOccurred(session_id=held.session, source=held.name, error=detail, command_id=held.id))


kinds.register(kinds.Kind(name="command", task=TASK, run=run, parked=parked))
