"""Idempotency keys: claimed first in the transaction of their effect, so that effect and key commit together."""

from hashlib import sha256
from typing import Any
from uuid import UUID

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

KEEP_BESIDE = """
INSERT INTO bus_idempotency (principal, key, fingerprint, result)
SELECT %(actor)s::text, %(key)s::text, %(fingerprint)s::bytea, jsonb_build_object(
    'data', %(kept)s::jsonb, 'version', head.base + %(n)s::int, 'command_id', %(command)s::text)
FROM head
"""
"""Claims and keeps in the statement of the append; a key that is there already makes the statement fail."""


def _fingerprint(command: Command) -> bytes:
    return sha256(command.type.encode() + msgspec.json.encode(command, order="sorted")).digest()


def claim(command: Command, context: Context) -> dict[str, Any] | None:
    """Claim the context's key. None: it is ours, go on; or what was done first is done `again`. Otherwise the first
    result (the first caller has committed: the unique index makes a second one wait for that). Raises
    IdempotencyMismatch for another command or body."""
    fingerprint = _fingerprint(command)
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
    if kept.pop("again", False):
        return None
    return kept | {"command_id": UUID(kept["command_id"])}


def keep(data: Any, version: int | None, context: Context, *, again: bool = False) -> None:
    """Store the result beside the claimed key. What recorded nothing is done `again` for a repeat: there is no effect
    to have twice, and what a question was answered with is not left lying about."""
    result = {"data": None if again else data, "version": version, "command_id": context.command_id}
    kept = msgspec.json.encode(result | ({"again": True} if again else {})).decode()
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [kept, str(context.actor), context.idempotency_key])


def kept_beside(command: Command, context: Context, data: Any) -> dict[str, Any]:
    """The values KEEP_BESIDE needs besides the append's own."""
    return {
        "key": context.idempotency_key,
        "fingerprint": _fingerprint(command),
        "kept": msgspec.json.encode(data).decode(),
    }
