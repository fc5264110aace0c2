"""The log read from an event loop: an async psycopg pool per loop, so that one slow query stalls no socket."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import connections
from psycopg.errors import FeatureNotSupported
from psycopg_pool import AsyncConnectionPool

from bus.live import frames
from bus.live.frames import Frame
from bus.log import codec, store
from bus.log.horizon import Horizon
from bus.messages import Envelope
from bus.registry import Registry

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncConnectionPool[Any]] = WeakKeyDictionary()

_reading: "set[asyncio.Task[list[tuple[Any, ...]]]]" = set()
"""Queries under way; a task that nobody refers to may vanish."""

DJANGOS_OWN = frozenset({"context", "cursor_factory", "prepare_threshold", "server_side_binding", "pool"})

PAGE_BYTES = 256 * 1024

_PAGE = f"""
SELECT {store.NAMES} FROM (
    SELECT {store.COLUMNS}, sum(octet_length(data::text)) OVER line AS bytes, row_number() OVER line AS n
    FROM (SELECT * FROM bus_storedevent WHERE stream = %s AND version > %s ORDER BY version LIMIT %s) AS page
    WINDOW line AS (ORDER BY version)
) AS measured WHERE bytes <= {PAGE_BYTES} OR n = 1 ORDER BY version
"""
_HEADS = "SELECT id, version FROM bus_stream WHERE id = ANY(%s)"
_HOLDS = "SELECT 1 FROM bus_storedevent WHERE stream = %s AND version = %s"


async def pool() -> AsyncConnectionPool[Any]:
    """This loop's pool, opened on first use, to the same database as Django's default connection."""
    loop = asyncio.get_running_loop()
    existing = _pools.get(loop)
    if existing is not None:
        return existing
    # everything Django was given but what only its own connections understand: TLS settings above all
    parameters: dict[str, Any] = dict(connections["default"].get_connection_params())
    wanted = {name: value for name, value in parameters.items() if name not in DJANGOS_OWN} | {"autocommit": True}
    if parameters["prepare_threshold"] is None:
        wanted["prepare_threshold"] = None  # else the driver's own: what is asked here is asked often
    created: AsyncConnectionPool[Any] = AsyncConnectionPool(
        kwargs=wanted,
        min_size=0,
        max_size=settings.BUS_READER_CONNECTIONS,
        timeout=settings.BUS_READER_TIMEOUT,
        max_idle=settings.DATABASE_IDLE,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    _pools[loop] = created
    await created.open()
    return created


async def close() -> None:
    """Close this loop's pool; the last thing a server or a test does on the loop."""
    loop = asyncio.get_running_loop()
    existing = _pools.pop(loop, None)
    if existing is not None:
        await asyncio.gather(*(task for task in _reading if task.get_loop() is loop), return_exceptions=True)
        await existing.close()


async def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """All rows of one query. It is never cut off, even if who asked has gone: the pool loses a connection for good
    whose return is cancelled."""
    task = asyncio.ensure_future(_fetch(sql, parameters))
    _reading.add(task)
    task.add_done_callback(_done)
    return await asyncio.shield(task)


async def _fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    async with (await pool()).connection() as connection:
        try:
            cursor = await connection.execute(sql.encode(), parameters)
        except FeatureNotSupported:  # as in `bus.sql`
            await connection.execute("DEALLOCATE ALL")
            cursor = await connection.execute(sql.encode(), parameters)
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return rows


def _done(task: "asyncio.Task[list[tuple[Any, ...]]]") -> None:
    _reading.discard(task)
    if not task.cancelled():
        task.exception()  # looked at: there may be nobody left who does


async def page(registry: Registry, stream: UUID, after: int, limit: int) -> list[Frame]:
    """The frames of a stream's versions above `after`, oldest first: at most `limit`, and about PAGE_BYTES."""
    rows = await fetch(_PAGE, [stream, after, limit])
    return [frames.of_event(codec.envelope_from_row(row, registry)) for row in rows]


async def holds(stream: UUID, version: int) -> bool:
    """Whether the log has this version of a stream: what was pruned, or lost with a restore, it has not."""
    return bool(await fetch(_HOLDS, [stream, version]))


async def heads(streams: Sequence[UUID]) -> dict[UUID, int]:
    """The present version of each stream that exists."""
    return dict(await fetch(_HEADS, [list(streams)]))


async def log_page(registry: Registry, horizon: Horizon, limit: int) -> list[Envelope]:
    """The next events of the whole log that are safe to deliver (see Horizon)."""
    return [codec.envelope_from_row(row, registry) for row in await log_rows(store.COLUMNS, horizon, limit)]


async def log_rows(columns: str, horizon: Horizon, limit: int) -> list[tuple[Any, ...]]:
    """The same as rows of these columns, the fourth of them the position."""
    return horizon.admit(await fetch(store.log_page(columns), [horizon.position, limit]))


async def log_head() -> int:
    """The last position of the log."""
    rows = await fetch("SELECT coalesce(max(position), 0) FROM bus_storedevent", [])
    position: int = rows[0][0]
    return position
