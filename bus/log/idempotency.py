"""Idempotency keys: claimed first in the transaction of their effect, so that effect and key commit together."""

from hashlib import sha256
from typing import Any

import msgspec
from django.db import connection

from bus.exceptions import IdempotencyMismatch
from bus.messages import Command, Context

_CLAIM = """
INSERT INTO bus_idempotency (principal, key, fingerprint) VALUES (%s, %s, %s)
ON CONFLICT (principal, key) DO NOTHING
"""
_FIRST = "SELECT fingerprint, result FROM bus_idempotency WHERE principal = %s AND key = %s"
_KEEP = "UPDATE bus_idempotency SET result = %s WHERE principal = %s AND key = %s"


def claim(command: Command, context: Context) -> dict[str, Any] | None:
    """Claim the context's key. None: it is ours, go on. Otherwise the first result (the first caller has committed:
    the unique index makes a second one wait for that). Raises IdempotencyMismatch for another command or body."""
    fingerprint = sha256(command.type.encode() + msgspec.json.encode(command, order="sorted")).digest()
    who = (str(context.actor), context.idempotency_key)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [*who, fingerprint])
        if cursor.rowcount == 1:
            return None
        cursor.execute(_FIRST, who)
        first, result = cursor.fetchone()
    if bytes(first) != fingerprint:
        raise IdempotencyMismatch
    kept: dict[str, Any] = msgspec.json.decode(result)
    return kept


def keep(result: dict[str, Any], context: Context) -> None:
    """Store the result beside the claimed key."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [msgspec.json.encode(result).decode(), str(context.actor), context.idempotency_key])
