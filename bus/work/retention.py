"""What is kept only for a while: idempotency keys and finished work. Called by the sweepers, a little at a time."""

import logging
from collections.abc import Callable, Iterable

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


Pruner = Callable[[], bool | None]
"""Its answer: whether there is more, and it is to be called again soon."""

pruners: list[Pruner] = []
"""What an application prunes of its own, at the same times."""

outside: list[Pruner] = []
"""The same, of what waits for something other than the database: nobody else is to wait with it."""

logger = logging.getLogger(__name__)


def prune() -> bool:
    """Remove what is older than its setting allows; several sweepers may do so at once. Whether there is more."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [settings.BUS_KEY_HOURS])
        cursor.execute(_WORK, [settings.BUS_WORK_HOURS])
    return _each(pruners)


def prune_outside() -> bool:
    """The same for what is not in the database."""
    return _each(outside)


def _each(functions: Iterable[Pruner]) -> bool:
    """One that fails keeps none from its turn, and has its next one with them."""
    more = False
    for function in functions:
        try:
            more = bool(function()) or more
        except Exception:
            logger.exception("pruning by %r failed", function)
    return more
