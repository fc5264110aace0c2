"""The bus's Celery tasks. Arguments are ids; the truth is in the database, so a task lost or run twice does no harm."""

from uuid import UUID

from celery import shared_task

from bus.log import durable
from bus.work import commands, hints, runner


@shared_task(name=commands.TASK)
def run_command(work: str) -> None:
    """Run a queued command, unless another worker has it."""
    runner.run(UUID(work))


@shared_task(name=hints.DELIVER)
def deliver() -> None:
    """Bring every durable subscriber up to the log."""
    durable.deliver_all(runner.OWNER)
