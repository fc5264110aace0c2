"""The text of answers still streaming, stored twice a second: one insert for all streams of the process.

Fenced: a worker that has lost its lease stores nothing. Read by the hubs for readers who come in mid-answer."""

import asyncio
import logging
from collections.abc import Sequence
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import connection

from bus.database import in_thread
from bus.live import reader
from bus.messages import Delta
from bus.work.lease import Lease
from sessions_app.events import RunDelta

logger = logging.getLogger(__name__)

_INSERT = """
INSERT INTO sessions_app_runchunk (run, attempt, seq, text)
SELECT c.run, c.attempt, c.seq, c.text
FROM unnest(%s::uuid[], %s::bigint[], %s::smallint[], %s::int[], %s::text[]) AS c(run, fence, attempt, seq, text)
JOIN bus_work AS w ON w.id = c.run AND w.fence = c.fence AND w.state = 'running'
ON CONFLICT (run, attempt, seq) DO NOTHING
"""
_STORED = """
SELECT coalesce(string_agg(text, '' ORDER BY seq), '') FROM sessions_app_runchunk WHERE run = %s AND attempt = %s
"""
_GROWING = """
SELECT c.run, c.attempt, string_agg(c.text, '' ORDER BY c.seq)
FROM sessions_app_run AS r JOIN sessions_app_runchunk AS c ON c.run = r.id AND c.attempt = r.attempt
WHERE r.session_id = %s AND r.state = 'running' GROUP BY c.run, c.attempt
"""

_PRUNE = """
DELETE FROM sessions_app_runchunk AS c
WHERE NOT EXISTS (SELECT FROM bus_work AS w WHERE w.id = c.run AND w.state IN ('queued', 'running'))
"""

Key = tuple[UUID, int]
"""Run and fence."""
Row = tuple[UUID, int, int, int, str]


class ChunkWriter:
    """Collects pieces on the process loop and stores them every CHUNK_INTERVAL seconds while there are any.

    By lease, not by run: the flow that lost a run may live on for a moment beside the one that took it over."""

    def __init__(self) -> None:
        self._texts: dict[Key, list[str]] = {}
        self._attempts: dict[Key, int] = {}
        self._seq: dict[Key, int] = {}
        self._unsent: list[Row] = []
        self.flushing: asyncio.Task[None] | None = None

    def add(self, lease: Lease, attempt: int, text: str) -> None:
        """Take a piece of a run's text; on the process loop."""
        key = (lease.id, lease.fence)
        self._attempts[key] = attempt
        self._texts.setdefault(key, []).append(text)
        if self.flushing is None or self.flushing.done():
            self.flushing = asyncio.create_task(self._flush_while_needed())

    def forget(self, lease: Lease) -> None:
        """This text has ended; nothing of it need be stored any more."""
        key = (lease.id, lease.fence)
        self._texts.pop(key, None)
        self._attempts.pop(key, None)
        self._seq.pop(key, None)
        self._unsent = [row for row in self._unsent if row[:2] != key]

    async def _flush_while_needed(self) -> None:
        while self._texts or self._unsent:
            await asyncio.sleep(settings.CHUNK_INTERVAL)
            rows = self._unsent = [*self._unsent, *self._take()]  # kept until stored: a text must have no hole
            if not rows:
                return  # the runs ended meanwhile
            try:
                await in_thread(insert, rows)
            except Exception as error:  # the database is away
                logger.warning("%d chunks not stored, trying again: %r", len(rows), error)
            else:
                stored_now = set(map(id, rows))
                self._unsent = [row for row in self._unsent if id(row) not in stored_now]

    def _take(self) -> list[Row]:
        rows: list[Row] = []
        for key, pieces in self._texts.items():
            seq = self._seq[key] = self._seq.get(key, 0) + 1
            rows.append((*key, self._attempts[key], seq, "".join(pieces)))
        self._texts.clear()
        return rows


def insert(rows: Sequence[Row]) -> None:
    """Store one chunk per run."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])


def stored(run: UUID, attempt: int) -> str:
    """What is stored of a run's text."""
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [run, attempt])
        text: str = cursor.fetchone()[0]
    return text


def remove(run: UUID) -> None:
    """The answer is a message now."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sessions_app_runchunk WHERE run = %s", [run])


def prune() -> None:
    """Chunks of runs that nobody works on any more: their session was deleted, or an insert came after the end."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE)


async def growing(session: UUID) -> list[Delta]:
    """The answers growing in a session, for the hub (see `bus.live.tails`)."""
    rows = await reader.fetch(_GROWING, [session])
    return [RunDelta(session_id=session, key=run, attempt=attempt, offset=0, text=text) for run, attempt, text in rows]


@cache
def writer() -> ChunkWriter:
    """The process's one writer."""
    return ChunkWriter()
