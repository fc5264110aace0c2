"""The application's Celery tasks: arguments are ids, the work itself is claimed from the database."""

from uuid import UUID

from celery import shared_task

from bus.work import runner
from sessions_app.exchange import bulk
from sessions_app.llm import engine


@shared_task(name=engine.TASK)
def answer(run: str) -> None:
    """Answer a run, unless another worker has it."""
    runner.run(UUID(run))


@shared_task(name=bulk.TASK)
def export(work: str) -> None:
    """Make an archive, unless another worker has it."""
    runner.run(UUID(work))
