"""What can have happened to an account. Recorded on its own stream (`accounts.streams`), never in a session's log."""

from datetime import datetime
from uuid import UUID

from bus.messages import Event


class TokenCreated(Event):
    """There is a token with these scopes. `digest` is the SHA-256 of its text, which is not kept."""

    user_id: int
    token_id: UUID
    name: str
    prefix: str
    digest: str
    scopes: list[str]
    expires_at: datetime | None = None


class TokenRevoked(Event):
    """It is good no more."""

    user_id: int
    token_id: UUID
