"""Empties the tables after a test whose commits were real; `conftest` puts it in the place of Django's flush.

TRUNCATE makes new files for fifty tables and their indexes, and all permissions are written anew after it: a quarter of
a second. DELETE of the few rows a test leaves takes four milliseconds.
"""

from functools import cache

from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = {"django_content_type", "auth_permission", "django_migrations"}
"""Written by migrations, and by no test."""


@cache
def _statement() -> str:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = [connection.ops.quote_name(name) for name in names if name not in KEPT]
    # like TRUNCATE, wait for a thread of the test that still writes
    lock = f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE"
    return "; ".join([lock, *(f"DELETE FROM {table}" for table in tables)])


def empty_tables(_case: TransactionTestCase) -> None:
    """No row is left of what was committed. Foreign keys are checked at the end, so the order does not matter."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_statement())
