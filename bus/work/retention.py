"""What is kept only for a while: idempotency keys and finished work. Called by the sweepers, a little at a time."""

from collections.abc import Callable

from django.conf import settings
from django.db import connection

_KEYS = """
DELETE FROM bus_idempotency WHERE id IN (
    SELECT id FROM bus_idempotency WHERE created_at < now() - make_interval(hours => %s) LIMIT 5000
)
"""
_WORK = """
DELETE FROM bus_work WHERE id IN (
    SELECT id FROM bus_work WHERE finished_at < now() - make_interval(hours => %s) LIMIT 5000
)
"""


pruners: list[Callable[[], None]] = []
"""What an application prunes of its own, at the same times."""


def prune() -> None:
    """Remove what is older than its setting allows; several sweepers may do so at once."""
    for function in pruners:
        function()
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [settings.BUS_KEY_HOURS])
        cursor.execute(_WORK, [settings.BUS_WORK_HOURS])
