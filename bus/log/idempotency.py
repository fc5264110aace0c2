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
_REMEMBER = """
INSERT INTO bus_idempotency (principal, key, fingerprint, result) VALUES (%s, %s, %s, %s)
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
    return claim_for(_fingerprint(command), context)


def claim_for(fingerprint: bytes, context: Context) -> dict[str, Any] | None:
    """The same for what is no command: `fingerprint` tells what was asked."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [str(context.actor), context.idempotency_key, fingerprint])
        if cursor.rowcount == 1:
            return None
    kept = known(fingerprint, context)
    if kept is None or kept.pop("again", False):
        return None
    return kept | {"command_id": UUID(kept["command_id"])}


def known(fingerprint: bytes, context: Context) -> dict[str, Any] | None:
    """What is kept under the context's key, if anything. Raises IdempotencyMismatch where something else was asked."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [str(context.actor), context.idempotency_key])
        row = cursor.fetchone()
    if row is None:
        return None
    if bytes(row[0]) != fingerprint:
        raise IdempotencyMismatch
    kept: dict[str, Any] = msgspec.json.decode(row[1])
    return kept


def remember(fingerprint: bytes, data: Any, context: Context) -> None:
    """Keep what was answered to something that can be done twice without harm, and took longer than a transaction."""
    kept = msgspec.json.encode({"data": data, "version": None, "command_id": context.command_id}).decode()
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER, [str(context.actor), context.idempotency_key, fingerprint, kept])


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
