"""What can be asked of accounts: tokens, and the programs that use them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from bus.messages import Command
from sessions_app.accounts.scopes import SCOPES, Scope
from sessions_app.values import Label, Title, UserId

TenYears = Annotated[int, Meta(ge=1, le=315_360_000)]
AccountName = Annotated[str, Meta(pattern=r"^[\w.@+-]{1,150}\Z")]
Noted = Literal[
    "login-succeeded", "login-failed", "logged-out", "password-changed", "account-disabled", "account-enabled"
]


class CreateToken(Command):
    """Make an API token of one's own; operators make one for a service account (`user_id`). Its text is in the first
    answer only, so that this is asked at `tokens/` and in the admin, and never left to a worker. `expires_in` is in
    seconds; `latest` is when the token that asks for it ends."""

    public = False
    for_others = True
    opens = True
    scope = "tokens:write"

    name: Label
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(SCOPES))]
    expires_in: TenYears | None = None
    expires_at: datetime | None = None
    latest: datetime | None = None
    user_id: UserId | None = None


class RevokeToken(Command):
    """End a token at once."""

    opens = True
    scope = "tokens:write"

    token_id: UUID


class CreateServiceAccount(Command):
    """Make a user without a password, for a program; then make it a token."""

    staff_only = True
    opens = True
    scope = "tokens:write"

    name: AccountName
    description: Title = ""


class DisableServiceAccount(Command):
    """Let nobody in any more with its tokens; `enable` takes that back."""

    staff_only = True
    opens = True
    scope = "tokens:write"

    user_id: UserId
    enable: bool = False


class NoteAccount(Command):
    """Write into an account's log what Django says has happened to it."""

    public = False
    for_others = True
    opens = True

    user_id: UserId
    what: Noted
    address: Annotated[str, Meta(max_length=100)] = ""


class NoteSetting(Command):
    """Write into the server's own log what an operator has changed by hand in the admin, where no other command does
    it: what kind of row, which, and the names of its fields, not what is in them."""

    public = False
    opens = True

    kind: Annotated[str, Meta(max_length=100)]
    row: Annotated[str, Meta(max_length=200)]
    what: Literal["added", "changed", "deleted", "redriven"]
    fields: list[Annotated[str, Meta(max_length=200)]] = []
