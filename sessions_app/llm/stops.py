"""Which runs are to stop: cancelled ones, and those whose session is gone. Looked up twice a second for all runs of the
process, so that a cancel reaches the worker whichever process took it, with or without Redis."""

import asyncio
import logging
from uuid import UUID

from django.conf import settings

from bus import sql
from bus.database import in_thread
from bus.work import runner

logger = logging.getLogger(__name__)

_WANTED = """
SELECT asked.id FROM unnest(%s::uuid[]) AS asked(id) LEFT JOIN sessions_app_run AS r ON r.id = asked.id
WHERE r.id IS NULL OR r.cancel_requested
"""

_watching: asyncio.Task[None] | None = None


def watch() -> None:
    """Look for cancels as long as anything runs; on the process loop."""
    global _watching
    if _watching is None or _watching.done():
        _watching = asyncio.create_task(_watch())


async def _watch() -> None:
    told: set[UUID] = set()
    while running := list(runner.flows):
        await asyncio.sleep(settings.RUN_CANCEL_POLL)
        try:
            wanted = {row[0] for row in await in_thread(sql.fetch, _WANTED, [running])}
        except Exception as error:  # the database is away; soon again
            logger.warning("cancels not looked up: %r", error)
            continue
        runner.stop(list(wanted - told), "cancelled")
        told = (told | wanted) & set(running)
