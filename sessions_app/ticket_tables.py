"""The tickets with which sockets are opened; part of `models`. Written by `tickets`, not from events: they are good for
seconds, and nothing is to be remembered of them."""

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """One ticket, by the SHA-256 of its text. `login` or `token` is what it was made with, and ends with."""

    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False)
    login = models.CharField(max_length=40, blank=True)
    token = models.UUIDField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"for {self.user_id}, until {self.expires_at}"
