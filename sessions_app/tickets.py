"""Tickets: good once, for some seconds, to open a socket where no header can be sent. Only their hash is kept."""

from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from bus import sql

_ISSUE = """
INSERT INTO sessions_app_ticket (digest, user_id, login, token, expires_at)
VALUES (%s, %s::int, %s, %s::uuid, now() + make_interval(secs => %s::int)) RETURNING expires_at
"""
_CONSUME = """
DELETE FROM sessions_app_ticket WHERE digest = %s RETURNING user_id, login, token, expires_at > now()
"""


class Ticket(NamedTuple):
    """What a ticket stands for: a user, and the login (its session key) or the token it was made with."""

    user_id: int
    login: str
    token: UUID | None


def issue(ticket: Ticket) -> tuple[str, datetime]:
    """A new ticket's text, and until when it is good."""
    text = token_urlsafe(32)
    seconds = settings.BUS_TICKET_SECONDS
    rows = sql.fetch(_ISSUE, [_digest(text), ticket.user_id, ticket.login, ticket.token, seconds])
    return text, rows[0][0]


def consume(text: str) -> Ticket | None:
    """What the ticket stands for; None for none, and for one that is used or too old. It is used now."""
    rows = sql.fetch(_CONSUME, [_digest(text)])
    if not rows:
        return None
    user_id, login, token, good = rows[0]
    return Ticket(user_id, login, token) if good else None


def prune() -> None:
    """Those that nobody used in time."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sessions_app_ticket WHERE expires_at < now()")


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
