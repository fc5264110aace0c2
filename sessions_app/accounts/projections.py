"""From the events of accounts to their rows. Part of `sessions_app.projections`."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from bus.messages import Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import ApiToken, ServiceAccount

registry.projection_models += [ServiceAccount, ApiToken]


@projects(events.TokenCreated)
def token_created(event: events.TokenCreated, envelope: Envelope) -> None:
    """Its row, without the text."""
    ApiToken.objects.create(
        id=event.token_id,
        user_id=event.user_id,
        name=event.name,
        prefix=event.prefix,
        digest=event.digest,
        scopes=event.scopes,
        created_at=envelope.recorded_at,
        expires_at=event.expires_at,
    )


@projects(events.UserErased)
def user_erased(event: events.UserErased, envelope: Envelope) -> None:
    """Nobody has these tokens any more."""
    ApiToken.objects.filter(user_id=event.user_id).delete()


@projects(events.TokenRevoked)
def token_revoked(event: events.TokenRevoked, envelope: Envelope) -> None:
    """The row stays; it says since when."""
    ApiToken.objects.filter(id=event.token_id, revoked_at__isnull=True).update(revoked_at=envelope.recorded_at)


@projects(events.ServiceAccountCreated)
def service_account_created(event: events.ServiceAccountCreated, envelope: Envelope) -> None:
    """Its row; and the user, who is there already when the log is replayed."""
    defaults = {"username": event.name, "password": make_password(None)}
    User.objects.get_or_create(id=event.user_id, defaults=defaults)
    ServiceAccount.objects.create(
        user_id=event.user_id,
        description=event.description,
        created_by=str(envelope.actor),
        created_at=envelope.recorded_at,
    )
