"""Runs that no worker brings to an end: given up, refused, or left over. They end here, billed by estimate."""

import logging
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db import OperationalError, transaction

from bus import sql
from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import Context
from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.llm import asking, chunks
from sessions_app.llm.base import Usage
from sessions_app.llm.context import count
from sessions_app.llm.reporting import ENGINE
from sessions_app.llm.streaming import estimated
from sessions_app.models import Run
from sessions_app.values import parts

logger = logging.getLogger(__name__)

LOST = "The worker that had it did not come back."

_LOST = """
SELECT r.id FROM sessions_app_run AS r
WHERE r.state IN ('queued', 'running', 'requires_action') AND NOT r.waits
  AND NOT EXISTS (SELECT FROM bus_work AS w WHERE w.id = r.id AND w.state IN ('queued', 'running', 'waiting'))
LIMIT 100
"""


def parked(held: Lease, detail: str) -> None:
    """The run was tried often enough, or refused for good: it ends, with what was said if anything was."""
    _end(held.id, detail, held.correlation)


def prune() -> None:
    """Runs that are open and have nothing to wake them: none should be."""
    for (run,) in sql.fetch(_LOST, {}):
        try:
            _end(run, LOST, "")
        except OperationalError:
            raise
        except Exception:  # one that cannot be ended must not keep the others from it
            logger.exception("the run %s could not be ended", run)


def _end(run_id: UUID, detail: str, correlation: str) -> None:
    run = Run.objects.select_related("session").filter(id=run_id).first()
    if run is None:
        return
    said = chunks.stored(run.id, run.attempt)
    how: dict[str, Any] = {"outcome": "failed", "error": detail[:2000], "code": "worker-died"}
    if said:
        how = {"outcome": "interrupted", "text": said, "usage": usage_of(run, said)}
    with suppress(Refused), transaction.atomic():  # the run has ended otherwise, or its session is gone
        bus.execute(
            commands.EndRun(session_id=run.session_id, run_id=run.id, **how),
            Context(actor=ENGINE, correlation_id=correlation),
        )
    chunks.remove(run.id)


def usage_of(run: Run, said: str) -> Usage:
    """What an answer used that nobody counted."""
    try:
        return estimated(asking.prepare(asking.asked_by(run)).request, said)
    except Refused:
        return Usage(output_tokens=count.message(parts(said)), raw={"estimated": True})
