"""Rows of accounts: written by `accounts.projections`, but `TokenUse`, which no event tells of."""

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A token somebody calls with. Its text is not here; a user who has one can be disabled, not deleted."""

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=20, help_text="how it begins, to tell tokens apart")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="empty: never")
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class TokenUse(models.Model):
    """When a token was last used, to the minute; kept apart, since the log does not know."""

    token = models.UUIDField(primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.token)


class ServiceAccount(models.Model):
    """A user without a password: a program. Its tokens are made by staff."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="service_account"
    )
    description = models.CharField(max_length=200, blank=True)
    created_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.user)
