"""Accepting work: one row, in the caller's transaction, and a hint after its commit."""

from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from bus import observe
from bus.log import idempotency
from bus.messages import Command, Context
from bus.work import kinds
from bus.work.hints import hinter

_INSERT = """
INSERT INTO bus_work
    (id, kind, state, session, name, payload, actor, correlation, traceparent, max_attempts, run_after,
     fence, owner, attempts, created_at)
VALUES (%s, %s, 'queued', %s, %s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s), 0, '', 0, now())
ON CONFLICT (id) DO NOTHING
"""

_DROP = """
UPDATE bus_work SET state = 'cancelled', finished_at = now() WHERE state IN ('queued', 'waiting')
"""
_WAKE = "UPDATE bus_work SET state = 'queued', run_after = now() WHERE id = %s AND state = 'waiting' RETURNING kind"


def add(
    kind: str,
    work: UUID,
    name: str,
    context: Context,
    *,
    session: UUID | None = None,
    payload: Any = None,
    delay: float = 0.0,
    max_attempts: int = 3,
) -> bool:
    """Store a piece of work, due in `delay` seconds; workers are woken once the transaction has committed. False: there
    is work of that id already."""
    encoded = msgspec.json.encode(payload if payload is not None else {}).decode()
    row: list[Any] = [
        work,
        kind,
        session,
        name,
        encoded,
        str(context.actor),
        context.correlation_id,
        observe.traceparent(),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*row, max_attempts, delay])
        added: bool = cursor.rowcount == 1
    if not delay:
        transaction.on_commit(lambda: hinter().send(kinds.named(kind).task, str(work)), robust=True)
    return added


def drop(work: UUID) -> None:
    """Nobody need take this work up any more, in the caller's transaction; one at work is left to its worker."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_DROP} AND id = %s", [work])


def drop_all(kind: str, session: UUID) -> None:
    """The same for all work of a kind for a session."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_DROP} AND kind = %s AND session = %s", [kind, session])


def wake(work: UUID) -> None:
    """Make waiting work due, in the caller's transaction; nothing where it does not wait."""
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, [work])
        row = cursor.fetchone()
    if row is not None:
        transaction.on_commit(lambda: hinter().send(kinds.named(row[0]).task, str(work)), robust=True)


def enqueue_command(command: Command, context: Context, delay: float = 0.0) -> UUID:
    """Store a command to be run by a worker; its id. A repeated idempotency key gives the first one's id."""
    with transaction.atomic():
        if context.idempotency_key is not None:
            first = idempotency.claim(command, context)
            if first is not None:
                ident: UUID = first["command_id"]
                return ident
            idempotency.keep(None, None, context)
        payload = {"command": command, "expected_version": context.expected_version}
        add(
            "command",
            context.command_id,
            command.type,
            context,
            session=command.session_id,
            payload=payload,
            delay=delay,
        )
    return context.command_id
