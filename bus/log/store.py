"""The log in PostgreSQL: append (one statement, whatever the length of the session) and read.

The only file that writes StoredEvent. Called by `transaction` and `replay`; every cost here is per append, not per
session: one row lock, one counter, one insert, and the set-based projections in the same statement."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from bus import sql
from bus.exceptions import StreamNotFound, VersionConflict
from bus.log import codec
from bus.log.horizon import Horizon
from bus.messages import ERASED, Context, Envelope, Event, uuid7
from bus.registry import Condition, Registry, SqlProjection

MANY = 16
"""From so many events on, what can be one statement is worth finding."""
NAMES = "id, stream, version, position, type, schema, data, actor, causation, correlation, recorded_at"
COLUMNS = NAMES.replace("data", "data::text")


def log_page(columns: str) -> str:
    """The whole log above a position, for Horizon: these columns, the fourth of them the position."""
    # at a gap the reader takes a transaction id: only that lies above every id given out so far; a snapshot's xmax does
    # not
    return f"""
WITH start AS (SELECT %s::bigint AS after)
SELECT {columns}, pg_snapshot_xmin(s)::text::bigint,
    CASE WHEN position = lag(position, 1, start.after) OVER (ORDER BY position) + 1
        THEN 0 ELSE pg_current_xact_id()::text::bigint END
FROM start, bus_storedevent, pg_current_snapshot() AS s
WHERE position > start.after ORDER BY position LIMIT %s
"""


LOG_PAGE = log_page(COLUMNS)

_APPEND = """
WITH head AS (
    UPDATE bus_stream SET version = version + %(n)s::int
    WHERE id = %(stream)s::uuid AND NOT sealed
        AND (%(expected)s::bigint IS NULL OR version = %(expected)s::bigint){where}
    RETURNING version - %(n)s::int AS base
), appended AS (
    INSERT INTO bus_storedevent
        (id, stream, version, type, schema, data, actor, command, seq, causation, correlation, traceparent, recorded_at)
    SELECT e.id, %(stream)s::uuid, head.base + e.n, e.type, e.schema, e.data, %(actor)s::text,
           %(command)s::uuid, %(seq)s::int + e.n, %(causation)s::uuid, %(correlation)s::text,
           %(traceparent)s::text, clock_timestamp()
    FROM head, jsonb_to_recordset(%(events)s::jsonb) AS e(n int, id uuid, type text, schema smallint, data jsonb)
    ORDER BY e.n
    RETURNING *
){projected}
SELECT position, version, recorded_at FROM appended ORDER BY version
"""

_INSERT = """
WITH head AS (UPDATE bus_stream SET version = %(last)s::bigint WHERE id = %(stream)s::uuid)
INSERT INTO bus_storedevent
    (id, stream, version, type, schema, data, actor, command, seq, causation, correlation, traceparent, recorded_at)
SELECT e.id, %(stream)s::uuid, e.version, e.type, e.schema, e.data, e.actor, %(command)s::uuid,
       row_number() OVER (ORDER BY e.version), e.causation_id, e.correlation_id, '', e.recorded_at
FROM jsonb_to_recordset(%(events)s::jsonb) AS e(version bigint, id uuid, type text, schema smallint, data jsonb,
    actor text, causation_id uuid, correlation_id text, recorded_at timestamptz)
ORDER BY e.version
RETURNING position
"""

_PROJECT = """
WITH appended AS (
    SELECT * FROM bus_storedevent WHERE {where}
){projected}
SELECT 1
"""


_ERASE = """
UPDATE bus_storedevent
SET data = jsonb_build_object('sha256', encode(sha256(convert_to(data::text, 'UTF8')), 'hex')), schema = %s,
    actor = 'erased', correlation = '', traceparent = ''
WHERE stream = %s AND version <= %s AND schema > %s
"""
_DIGEST = """
SELECT count(*), encode(sha256(coalesce(string_agg(sha256(convert_to(data::text, 'UTF8')), ''::bytea
    ORDER BY version), ''::bytea)), 'hex')
FROM bus_storedevent WHERE stream = %s AND schema > %s
"""


class Origin(NamedTuple):
    """Where appended events come from: the command's context, the sequence reached, the cause, the trace."""

    context: Context
    seq: int
    causation: UUID
    traceparent: str = ""


class Beside(NamedTuple):
    """What the append carries: data-modifying `statements` that may read `head` and `appended`, and `where`, what must
    hold for anything to be written at all (`AND …`). Constant text (it is prepared); values go into `parameters`."""

    statements: tuple[str, ...] = ()
    where: str = ""
    parameters: Mapping[str, Any] = {}

    def only_where(self, condition: Condition) -> "Beside":
        """This, written only where the condition holds."""
        where = f"{self.where} AND {condition.sql}"
        return self._replace(where=where, parameters={**self.parameters, **condition.values})

    def along(self, statement: str, values: Mapping[str, Any]) -> "Beside":
        """This, and one more statement."""
        return self._replace(statements=(*self.statements, statement), parameters={**self.parameters, **values})


class _Line(msgspec.Struct):
    """One event as `jsonb_to_recordset` takes it: arrays of parameters cost four times as much."""

    n: int
    id: UUID
    type: str
    schema: int
    data: msgspec.Raw


@lru_cache(maxsize=256)
def _statement(template: str, statements: tuple[str, ...], where: str = "") -> str:
    projected = "".join(f",\nbeside_{n} AS (\n{statement}\n)" for n, statement in enumerate(statements))
    return template.replace("{projected}", projected).replace("{where}", where)


def together(events: Sequence[Event]) -> list[Sequence[Event]]:
    """What is appended by one statement: all of a few; of many, neighbours of one type, which may carry their
    projections."""
    if len(events) < MANY:
        return [events]
    return [list(group) for _, group in groupby(events, key=lambda event: event.type)]


def fused(events: Sequence[Event], registry: Registry) -> Beside | None:
    """What lets the append carry the projections itself: all events of one type, all its projections set-based."""
    first = events[0].type
    chain = list(registry.chain(first))
    set_based = [projection for projection in chain if isinstance(projection, SqlProjection)]
    if len(set_based) != len(chain) or any(event.type != first for event in events):
        return None
    return Beside(tuple(statement for projection in set_based for statement in projection.statements))


def append(
    stream: UUID, events: Sequence[Event], origin: Origin, *, beside: Beside, expected: int | None = None
) -> list[Envelope]:
    """Give the events the stream's next versions and store them, with what is `beside`. Empty: nothing is written,
    because the stream is not there or not at version `expected`, or `beside.where` does not hold."""
    context = origin.context
    lines = [
        _Line(n, uuid7(), event.type, event.schema, codec.raw(codec.encode_data(event)))
        for n, event in enumerate(events, start=1)
    ]
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
        "events": msgspec.json.encode(lines).decode(),
        **beside.parameters,
    }
    rows = sql.fetch(_statement(_APPEND, beside.statements, beside.where), parameters)
    if not rows:
        return []
    return [
        Envelope(
            id=line.id,
            type=line.type,
            schema=line.schema,
            session_id=stream,
            version=version,
            position=position,
            recorded_at=recorded_at,
            actor=context.actor,
            causation_id=origin.causation,
            correlation_id=context.correlation_id,
            data=line.data,
        )
        for line, (position, version, recorded_at) in zip(lines, rows, strict=True)
    ]


def insert(stream: UUID, page: Sequence[Envelope]) -> None:
    """Store events as they are, under the versions they have; the stream is at the last one then."""
    lines = [{**msgspec.structs.asdict(envelope), "actor": str(envelope.actor)} for envelope in page]
    events = msgspec.json.encode(lines).decode()
    sql.fetch(_INSERT, {"stream": stream, "last": page[-1].version, "command": uuid7(), "events": events})


def why_not(stream: UUID, expected: int | None) -> Exception:
    """Why an append to this stream wrote nothing."""
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
    """Hold the stream's row until the transaction ends; its version, or None where there is no such stream, or it is
    sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM bus_stream WHERE id = %s AND NOT sealed FOR UPDATE", [stream])
        row = cursor.fetchone()
    return row[0] if row else None


def lock_name(stream: UUID) -> None:
    """Let nobody else create this stream until the transaction ends: there is no row to lock yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(stream)])


def version(stream: UUID) -> int | None:
    """The stream's version, or None where there is no such stream, or it is sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM bus_stream WHERE id = %s AND NOT sealed", [stream])
        row = cursor.fetchone()
    return row[0] if row else None


def project(statements: tuple[str, ...], where: str, parameters: Sequence[Any]) -> None:
    """Run set-based projections over the part of the log that `where` selects."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(_PROJECT, statements, where), parameters)


def erase(stream: UUID, upto: int) -> None:
    """Take away what the stream's events up to a version said, and who said it: of the data the hash stays. Versions,
    types and times stay, so that the log has no gap, and nobody appends to it any more, whoever waited to."""
    with connection.cursor() as cursor:
        cursor.execute(_ERASE, [ERASED, stream, upto, ERASED])
        cursor.execute("UPDATE bus_stream SET sealed = true WHERE id = %s", [stream])


def digest(stream: UUID) -> tuple[int, str]:
    """How many events of the stream say something, and the SHA-256 (hex) over their hashes, in their order. The hashes
    are those that `erase` leaves behind."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGEST, [stream, ERASED])
        count, found = cursor.fetchone()
    return count, found


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
