"""What may be read of accounts by whom: one's own tokens; operators' views of all."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from bus import sql
from bus.exceptions import NotFound
from bus.messages import Actor
from sessions_app.models import ApiToken, ServiceAccount, TokenUse
from sessions_app.represent import moment
from sessions_app.rights import ALL_SEEING


def user_id_of(actor: Actor) -> int | None:
    """The number of the user who acts; None for the server and its plugins."""
    return int(actor.id) if actor.type in ("user", "staff") and actor.id.isdigit() else None


def tokens_of(actor: Actor) -> QuerySet[ApiToken]:
    """The actor's tokens, revoked ones too; operators see all."""
    rows = ApiToken.objects.annotate(last_used_at=Subquery(TokenUse.objects.filter(token=OuterRef("id")).values("at")))
    if actor.type in ALL_SEEING:
        return rows
    user_id = user_id_of(actor)
    return rows.none() if user_id is None else rows.filter(user_id=user_id)


def token_of(actor: Actor, token_id: UUID) -> ApiToken:
    """One of them. Raises NotFound, also for what is somebody else's."""
    token = tokens_of(actor).filter(id=token_id).first()
    if token is None:
        raise NotFound(f"Token not found with ID: {token_id}")
    return token


def service_accounts() -> QuerySet[ServiceAccount]:
    """All of them, with their users; for operators."""
    return ServiceAccount.objects.select_related("user")


def service_account(user_id: int) -> ServiceAccount:
    """One of them. Raises NotFound, also for a person."""
    account = service_accounts().filter(user_id=min(user_id, 2**31 - 1)).first()
    if account is None:
        raise NotFound(f"Service account not found with ID: {user_id}")
    return account


def account_actor(user_id: int) -> Actor:
    """The service account as one who acts. Raises NotFound."""
    return Actor("user", str(service_account(user_id).pk))


def next_user_id() -> int:
    """A number for a user to be; none that anybody gets again."""
    number: int = sql.fetch("SELECT nextval(pg_get_serial_sequence('auth_user', 'id'))", [])[0][0]
    return number


def now() -> datetime:
    """By the database's clock."""
    moment: datetime = sql.fetch("SELECT now()", [])[0][0]
    return moment


def usable_tokens(user_id: int, at: datetime) -> QuerySet[ApiToken]:
    """Those that let the user in (unless disabled)."""
    good = Q(expires_at__isnull=True) | Q(expires_at__gt=at)
    return ApiToken.objects.filter(good, user_id=user_id, revoked_at__isnull=True)


def as_dict(token: Any) -> dict[str, Any]:
    """A token as everybody is shown it: without its hash."""
    moments = ("created_at", "expires_at", "last_used_at", "revoked_at")
    return {name: getattr(token, name) for name in ("id", "name", "prefix", "scopes")} | {
        name: moment(getattr(token, name)) for name in moments
    }


def account_as_dict(account: ServiceAccount) -> dict[str, Any]:
    """A service account as operators are shown it."""
    return {
        "id": account.pk,
        "name": account.user.username,
        "description": account.description,
        "is_active": account.user.is_active,
        "created_by": account.created_by,
        "created_at": moment(account.created_at),
    }
