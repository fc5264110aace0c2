"""Erasing a stream: what its events said, and what the bus keeps beside them. The log stays, without gaps, as proof.

Called within the transaction of the command that erases, by the application, which sees to its own tables."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection

from bus.log import store

_KEYS = """
DELETE FROM bus_idempotency AS k USING (
    SELECT command::text AS id FROM bus_storedevent WHERE stream = %(stream)s
    UNION SELECT id::text FROM bus_work WHERE session = %(stream)s
) AS ours WHERE k.result->>'command_id' = ours.id
"""
# a worker that holds a row now waits for the stream, which we hold: it finds out when it has it
_WORK = """
UPDATE bus_work
SET payload = '{}', result = NULL, error = NULL, correlation = '', traceparent = '', actor = 'erased',
    fence = fence + (state = 'running')::int,
    finished_at = coalesce(finished_at, now()),
    state = CASE WHEN state IN ('queued', 'running', 'waiting') THEN 'cancelled' ELSE state END
WHERE id IN (SELECT id FROM bus_work WHERE session = %(stream)s AND id <> %(cause)s FOR UPDATE SKIP LOCKED)
"""
_ASKED = """
UPDATE bus_work SET payload = '{}', result = NULL, error = NULL
WHERE session IS NULL AND kind = 'command' AND actor = ANY(%(people)s) AND finished_at IS NOT NULL
"""
_REST = (
    "DELETE FROM bus_snapshot WHERE stream = %(stream)s",
    "DELETE FROM bus_parkeddelivery WHERE position IN (SELECT position FROM bus_storedevent WHERE stream = %(stream)s)",
    "UPDATE bus_subscribercursor SET error = NULL WHERE error IS NOT NULL",
)


def erase(stream: UUID, upto: int, cause: UUID, people: Collection[str]) -> None:
    """Everything of the stream up to this version; `cause` is the command at work. Of what `people` (actors who could
    read it) asked without naming a session, the answers that are still kept go too: nobody knows what they tell."""
    values: dict[str, Any] = {"stream": stream, "cause": cause, "people": list(people)}
    with connection.cursor() as cursor:
        for statement in (_KEYS, _WORK, _ASKED, *_REST):
            cursor.execute(statement, values)
    store.erase(stream, upto)
