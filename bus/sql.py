"""SQL of the hot paths on Django's connection, prepared on the server: parsed and planned once per connection.

Same transaction, same errors (wrapped as Django's) as the ORM; parameters need casts where their type is not plain."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def fetch(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a query (or of a RETURNING)."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        if connection.queries_logged:  # counted with Django's own, by tests and debug pages
            connection.queries_log.append({"sql": statement, "time": "0"})
        cursor.execute(statement.encode(), parameters, prepare=True)
        return cursor.fetchall()
