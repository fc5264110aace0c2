"""Whose token it is: one prepared statement, asked for every request and socket that brings one."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from bus import sql
from bus.messages import Actor
from sessions_app.accounts import scopes, secrets

_FOUND = """
SELECT t.id, t.user_id, t.scopes, t.expires_at, used.at IS NULL OR used.at < now() - interval '1 minute'
FROM sessions_app_apitoken AS t
JOIN auth_user AS u ON u.id = t.user_id
LEFT JOIN sessions_app_tokenuse AS used ON used.token = t.id
WHERE t.{condition} AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.is_active
"""
_USED = """
INSERT INTO sessions_app_tokenuse AS used (token, at) VALUES (%s, now())
ON CONFLICT (token) DO UPDATE SET at = now() WHERE used.at < now() - interval '1 minute'
RETURNING token
"""


class Principal(NamedTuple):
    """Who calls, and what they may do: `scopes` None means all. A token is good until `expires_at`, or for ever (None),
    unless it is revoked or its user disabled: ask again. Without a `token_id` it is a person in a browser."""

    actor: Actor
    scopes: frozenset[str] | None = None
    token_id: UUID | None = None
    expires_at: datetime | None = None


def principal_of(text: str) -> Principal | None:
    """Whose token this text is; None for none, one that is over or revoked, and one of a disabled user."""
    return _found("digest = %s", secrets.digest(text)) if secrets.is_token(text) else None


def principal_with(token_id: UUID) -> Principal | None:
    """The same of a token that was shown before, by its id: who has a ticket does not have the token."""
    return _found("id = %s::uuid", token_id)


def _found(condition: str, value: str | UUID) -> Principal | None:
    rows = sql.fetch(_FOUND.format(condition=condition), [value])
    if not rows:
        return None
    token_id, user_id, encoded, expires_at, note = rows[0]
    given = msgspec.json.decode(encoded)
    if note:  # once a minute for a token that is in use
        sql.fetch(_USED, [token_id])
    allowed = None if scopes.ALL in given else frozenset(given)
    return Principal(Actor("user", str(user_id)), allowed, token_id, expires_at)
