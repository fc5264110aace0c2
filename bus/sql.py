"""SQL on Django's connection. That of the hot paths is prepared on the server: parsed and planned once per connection.

Same transaction, same errors (wrapped as Django's) as the ORM; parameters need casts where their type is not plain."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def fetch(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a query (or of a RETURNING)."""
    connection.ensure_connection()
    if connection.queries_logged:  # counted with Django's own, by tests and debug pages
        connection.queries_log.append({"sql": statement, "time": "0"})
    with connection.wrap_database_errors:
        try:
            return _rows(statement, parameters)
        except psycopg.errors.FeatureNotSupported:  # what it gives is of another type since it was prepared
            if connection.in_atomic_block:  # the rollback forgets what was prepared: `transaction.retryable`
                raise
            connection.connection.execute("DEALLOCATE ALL")  # the driver hears of it, and prepares all anew
            return _rows(statement, parameters)


def read(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The same for what is asked seldom: nothing is prepared for it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _rows(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), parameters, prepare=True)
        return cursor.fetchall()
