"""The log in PostgreSQL: append (one statement, whatever the length of the session) and read.

The only file that writes StoredEvent. Called by `transaction` and `replay`; every cost here is per append, not per
session: one row lock, one counter, one insert, and the set-based projections in the same statement."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from bus import sql
from bus.exceptions import StreamNotFound, VersionConflict
from bus.log import codec
from bus.log.horizon import Horizon
from bus.messages import Context, Envelope, Event, uuid7
from bus.registry import Registry, SqlProjection

NAMES = "id, stream, version, position, type, schema, data, actor, causation, correlation, recorded_at"
COLUMNS = NAMES.replace("data", "data::text")

# at a gap the reader takes a transaction id: only that lies above every id given out so far; a snapshot's xmax does not
LOG_PAGE = f"""
WITH start AS (SELECT %s::bigint AS after)
SELECT {COLUMNS}, pg_snapshot_xmin(s)::text::bigint,
    CASE WHEN position = lag(position, 1, start.after) OVER (ORDER BY position) + 1
        THEN 0 ELSE pg_current_xact_id()::text::bigint END
FROM start, bus_storedevent, pg_current_snapshot() AS s
WHERE position > start.after ORDER BY position LIMIT %s
"""

_APPEND = """
WITH head AS (
    UPDATE bus_stream SET version = version + %(n)s::int
    WHERE id = %(stream)s::uuid AND (%(expected)s::bigint IS NULL OR version = %(expected)s::bigint)
    RETURNING version - %(n)s::int AS base
), appended AS (
    INSERT INTO bus_storedevent
        (id, stream, version, type, schema, data, actor, command, seq, causation, correlation, traceparent, recorded_at)
    SELECT e.id, %(stream)s::uuid, head.base + e.n, e.type, e.schema, e.data::jsonb, %(actor)s::text,
           %(command)s::uuid, %(seq)s::int + e.n, %(causation)s::uuid, %(correlation)s::text,
           %(traceparent)s::text, clock_timestamp()
    FROM head, unnest(%(ids)s::uuid[], %(types)s::text[], %(schemas)s::smallint[], %(datas)s::text[])
         WITH ORDINALITY AS e(id, type, schema, data, n)
    ORDER BY e.n
    RETURNING *
){projected}
SELECT position, version, recorded_at FROM appended ORDER BY version
"""

_PROJECT = """
WITH appended AS (
    SELECT * FROM bus_storedevent WHERE {where}
){projected}
SELECT 1
"""


class Origin(NamedTuple):
    """Where appended events come from: the command's context, the sequence reached, the cause, the trace."""

    context: Context
    seq: int
    causation: UUID
    traceparent: str = ""


@lru_cache(maxsize=256)
def _statement(template: str, statements: tuple[str, ...], where: str = "") -> str:
    projected = "".join(f",\nprojected_{n} AS (\n{statement}\n)" for n, statement in enumerate(statements))
    return template.replace("{projected}", projected).replace("{where}", where)


def fused(events: Sequence[Event], registry: Registry) -> tuple[str, ...]:
    """The set-based statements that the append can carry itself: all events of one type, all projections SQL."""
    first = events[0].type
    chain = list(registry.chain(first))
    set_based = [projection for projection in chain if isinstance(projection, SqlProjection)]
    if len(set_based) != len(chain) or any(event.type != first for event in events):
        return ()
    return tuple(statement for projection in set_based for statement in projection.statements)


def append(
    stream: UUID,
    events: Sequence[Event],
    origin: Origin,
    *,
    statements: tuple[str, ...] = (),
    expected: int | None = None,
) -> list[Envelope]:
    """Give the events the stream's next versions and store them; `statements` (see `fused`) run along.

    Raises VersionConflict (nothing is written) when `expected` is not the stream's version; StreamNotFound."""
    context = origin.context
    datas = [codec.encode_data(event) for event in events]
    ids = [uuid7() for _ in events]
    parameters: dict[str, Any] = {
        "n": len(events),
        "stream": stream,
        "expected": expected,
        "actor": str(context.actor),
        "command": context.command_id,
        "seq": origin.seq - 1,
        "causation": origin.causation,
        "correlation": context.correlation_id,
        "traceparent": origin.traceparent,
        "ids": ids,
        "types": [event.type for event in events],
        "schemas": [event.schema for event in events],
        "datas": [data.decode() for data in datas],
    }
    rows = sql.fetch(_statement(_APPEND, statements), parameters)
    if not rows:
        raise _why_not(stream, expected)
    return [
        Envelope(
            id=ident,
            type=event.type,
            schema=event.schema,
            session_id=stream,
            version=version,
            position=position,
            recorded_at=recorded_at,
            actor=context.actor,
            causation_id=origin.causation,
            correlation_id=context.correlation_id,
            data=codec.raw(data),
        )
        for ident, event, data, (position, version, recorded_at) in zip(ids, events, datas, rows, strict=True)
    ]


def _why_not(stream: UUID, expected: int | None) -> Exception:
    present = version(stream)
    if present is None:
        return StreamNotFound(f"There is no session {stream}.")
    return VersionConflict(current_version=present, expected_version=expected)


def create(stream: UUID) -> bool:
    """Begin a stream at version 0. False when it exists already."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bus_stream (id, version) VALUES (%s, 0) ON CONFLICT DO NOTHING", [stream])
        return bool(cursor.rowcount == 1)


def lock(stream: UUID) -> int | None:
    """Hold the stream's row until the transaction ends; its version, or None where there is no such stream."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM bus_stream WHERE id = %s FOR UPDATE", [stream])
        row = cursor.fetchone()
    return row[0] if row else None


def lock_name(stream: UUID) -> None:
    """Let nobody else create this stream until the transaction ends: there is no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(stream)])


def version(stream: UUID) -> int | None:
    """The stream's version, or None where there is no such stream."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM bus_stream WHERE id = %s", [stream])
        row = cursor.fetchone()
    return row[0] if row else None


def project(statements: tuple[str, ...], where: str, parameters: Sequence[Any]) -> None:
    """Run set-based projections over the part of the log that `where` selects."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(_PROJECT, statements, where), parameters)


def read(
    registry: Registry, stream: UUID, *, after: int = 0, until: int | None = None, limit: int = 500
) -> list[Envelope]:
    """A page of a stream: versions above `after` (up to `until`), oldest first."""
    query = f"SELECT {COLUMNS} FROM bus_storedevent WHERE stream = %s AND version > %s"
    parameters: list[Any] = [stream, after]
    if until is not None:
        query += " AND version <= %s"
        parameters.append(until)
    with connection.cursor() as cursor:
        cursor.execute(f"{query} ORDER BY version LIMIT %s", [*parameters, limit])
        return [codec.envelope_from_row(row, registry) for row in cursor.fetchall()]


def read_all(registry: Registry, stream: UUID, *, after: int = 0, until: int | None = None) -> Iterator[Envelope]:
    """The stream from `after`, page by page."""
    while page := read(registry, stream, after=after, until=until):
        yield from page
        after = page[-1].version


def read_log(registry: Registry, horizon: Horizon, limit: int) -> list[Envelope]:
    """The next events of the whole log that are safe to deliver, in position order; moves the horizon."""
    with connection.cursor() as cursor:
        cursor.execute(LOG_PAGE, [horizon.position, limit])
        return [codec.envelope_from_row(row, registry) for row in horizon.admit(cursor.fetchall())]
