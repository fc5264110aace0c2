"""The shapes of API tokens."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Token(Struct):
    """An API token, without its text, of which only the hash is kept."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewToken(Token):
    """A new one with its text, which is told only now: null where the answer is a repeated one."""

    token: str | None


class ServiceAccount(Struct):
    """The account of a program, which only operators make."""

    id: int
    name: str
    description: str
    is_active: bool
    created_by: str
    created_at: datetime


class Share(Struct):
    """With whom a session is shared."""

    user_id: int
    username: str
    role: str
    created_at: datetime


class SocketTicket(Struct):
    """What opens one socket, once, until then."""

    ticket: str
    expires_at: datetime


class Nothing(Struct, forbid_unknown_fields=True):
    """An empty object."""
