"""Decides about tokens (what they may be allowed, and how long) and about the accounts of programs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model

from bus.exceptions import AlreadyExists, Forbidden, InsufficientScope, Invalid
from bus.messages import Context, Event, Once, uuid7
from bus.registry import handles
from sessions_app import commands, events
from sessions_app.accounts import queries, scopes, secrets
from sessions_app.accounts.streams import SERVER, stream_of
from sessions_app.rights import ALL_SEEING

MOST_TOKENS = 100
"""Tokens of one account that are good at the same time."""
NOTED: dict[str, Any] = {
    kind.type: kind
    for kind in (
        *(events.LoginSucceeded, events.LoginFailed, events.LoggedOut),
        *(events.PasswordChanged, events.AccountDisabled, events.AccountEnabled),
    )
}


@handles(commands.CreateToken)
def create_token(command: commands.CreateToken, context: Context) -> Any:
    """With no more scopes than the token that asks, and no longer life."""
    user_id, at = _for_whom(command, context), queries.now()
    lacking = scopes.missing(command.scopes, context.scopes)
    if lacking:
        raise InsufficientScope(lacking)
    expires_at = _expiry(command, at)
    if queries.usable_tokens(user_id, at).count() >= MOST_TOKENS:
        raise Invalid(f"An account has at most {MOST_TOKENS} tokens; revoke one first.")
    secret, token_id = secrets.make(), uuid7()
    yield events.TokenCreated(
        session_id=stream_of(user_id),
        user_id=user_id,
        token_id=token_id,
        name=command.name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=sorted(set(command.scopes)),
        expires_at=expires_at,
    )
    return Once(kept={"id": token_id}, told={"token": secret.text})


def _for_whom(command: commands.CreateToken, context: Context) -> int:
    if command.user_id is None:
        own = queries.user_id_of(context.actor)
        if own is None:
            raise Invalid("Say for whom the token is.")
        return own
    if context.actor.type not in ALL_SEEING:
        raise Forbidden("Tokens of other accounts are made by operators.")
    return queries.service_account(command.user_id).user_id


def _expiry(command: commands.CreateToken, at: datetime) -> datetime | None:
    if command.expires_in is not None and command.expires_at is not None:
        raise Invalid("Give 'expires_in' or 'expires_at', not both.")
    wanted = command.expires_at
    if wanted is not None and wanted.tzinfo is None:
        raise Invalid("'expires_at' needs its time zone, such as 2027-01-31T12:00:00Z.")
    if command.expires_in is not None:
        wanted = at + timedelta(seconds=command.expires_in)
    if wanted is None:
        return command.latest
    wanted = wanted.astimezone(UTC)
    if wanted <= at:
        raise Invalid("'expires_at' is over already.")
    if command.latest is not None and wanted > command.latest:
        raise Invalid("A token made by a token ends when that one does, or before.")
    return wanted


@handles(commands.RevokeToken)
def revoke_token(command: commands.RevokeToken, context: Context) -> Iterator[Event]:
    """Nothing more where it has been revoked before."""
    token = queries.token_of(context.actor, command.token_id)
    if token.revoked_at is None:
        user_id = token.user_id
        yield events.TokenRevoked(session_id=stream_of(user_id), user_id=user_id, token_id=token.id)


@handles(commands.CreateServiceAccount)
def create_service_account(command: commands.CreateServiceAccount, context: Context) -> Any:
    """Under a name that nobody has."""
    if get_user_model().objects.filter(username=command.name).exists():
        raise AlreadyExists("Somebody has this name.")
    user_id = queries.next_user_id()
    yield events.ServiceAccountCreated(
        session_id=stream_of(user_id), user_id=user_id, name=command.name, description=command.description
    )
    return {"id": user_id}


@handles(commands.DisableServiceAccount)
def disable_service_account(command: commands.DisableServiceAccount, context: Context) -> Iterator[Event]:
    """Nothing where it is so already. People are disabled where they are kept, in the admin's users."""
    user = queries.service_account(command.user_id).user
    if user.is_active == command.enable:
        return
    kind = events.AccountEnabled if command.enable else events.AccountDisabled
    yield kind(session_id=stream_of(user.pk), user_id=user.pk)


@handles(commands.NoteAccount)
def note_account(command: commands.NoteAccount, context: Context) -> Iterator[Event]:
    """As it was said."""
    kind, user_id = NOTED[command.what], command.user_id
    where = {"address": command.address} if "address" in kind.__struct_fields__ else {}
    yield kind(session_id=stream_of(user_id), user_id=user_id, **where)


@handles(commands.NoteSetting)
def note_setting(command: commands.NoteSetting, context: Context) -> Iterator[Event]:
    """As it was done."""
    yield events.SettingChanged(
        session_id=SERVER, kind=command.kind, row=command.row, what=command.what, fields=command.fields
    )
