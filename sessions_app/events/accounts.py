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


class LoginSucceeded(Event):
    """Somebody logged in, from this address."""

    user_id: int
    address: str = ""


class LoginFailed(Event):
    """Somebody knew the name and not the password."""

    user_id: int
    address: str = ""


class LoggedOut(Event):
    """A browser's session was ended by its user."""

    user_id: int
    address: str = ""


class PasswordChanged(Event):
    """There is another password; all browsers' sessions have ended."""

    user_id: int


class AccountDisabled(Event):
    """Neither password nor tokens let anybody in."""

    user_id: int


class AccountEnabled(Event):
    """They do again; tokens that were not revoked, too."""

    user_id: int


class ServiceAccountCreated(Event):
    """A user without a password, for a program."""

    user_id: int
    name: str
    description: str = ""


class SettingChanged(Event):
    """An operator has changed a row of the server's own in the admin: `kind` is the model, `fields` are names."""

    kind: str
    row: str
    what: str
    fields: list[str] = []
