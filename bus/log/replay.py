"""Replay: empty the projections and rebuild them from the log, in one transaction, while readers see the old rows.

Called by `manage.py replay`. Reactions and subscribers are not run again: a replay changes rows, not the world."""

from collections.abc import Iterator
from itertools import groupby
from uuid import UUID

from django.db import connection, transaction

from bus.log import codec, store
from bus.log.transaction import project
from bus.messages import ERASED, Envelope
from bus.registry import Registry, SqlProjection

BATCH = 2000


class Mismatch(Exception):
    """Rows differ from what the log says; raised to roll a checking replay back."""


def digests(registry: Registry) -> dict[str, str]:
    """A digest of each projection table: its row count and the hash of its rows in key order."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for model in registry.projection_models:
            table = model._meta.db_table
            key = ", ".join(f"t.{field.column}" for field in model._meta.pk_fields)
            cursor.execute(
                f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY {key}), '')) FROM {table} AS t"
            )
            count, digest = cursor.fetchone()
            found[table] = f"{count} rows, {digest}"
    return found


def replay(registry: Registry, *, keep: bool = True) -> tuple[int, list[str]]:
    """Rebuild all projections. Returns the number of events and the tables whose rows came out different.

    `keep=False` only checks: everything is rolled back."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE bus_stream IN EXCLUSIVE MODE")  # appends wait, readers do not
            before = digests(registry)
            for model in reversed(registry.projection_models):
                model.objects.all()._raw_delete("default")
            count = 0
            for page in _pages(registry):
                count += len(page)
                rebuild(registry, page)
            after = digests(registry)
            if not keep:
                raise Mismatch
    except Mismatch:
        pass
    return count, [table for table in before if before[table] != after[table]]


def rebuild(registry: Registry, page: list[Envelope], *, stream: UUID | None = None) -> None:
    """Project a run of the log, or of one stream; neighbours of one type with set-based projections in one
    statement. Of erased events there is nothing to project."""
    for kind, line in groupby((one for one in page if not one.erased), key=lambda envelope: envelope.type):
        run = list(line)
        chain = list(registry.chain(kind))
        if chain and all(isinstance(projection, SqlProjection) for projection in chain):
            statements = tuple(sql for projection in chain for sql in projection.statements)  # type: ignore[union-attr]
            if stream is None:
                where, values = "position BETWEEN %s AND %s AND type = %s", [run[0].position, run[-1].position, kind]
            else:
                where = "stream = %s AND version BETWEEN %s AND %s AND type = %s"
                values = [stream, run[0].version, run[-1].version, kind]
            store.project(statements, f"{where} AND schema > %s", [*values, ERASED])
        elif chain:
            for envelope in run:
                project(registry, registry.open(envelope), envelope)


def _pages(registry: Registry) -> Iterator[list[Envelope]]:
    position = 0
    sql = f"SELECT {store.COLUMNS} FROM bus_storedevent WHERE position > %s ORDER BY position LIMIT %s"
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [position, BATCH])
            page = [codec.envelope_from_row(row, registry) for row in cursor.fetchall()]
        if not page:
            return
        yield page
        position = page[-1].position
