"""The rows of archives that are made of all of a user's sessions. Written by `bulk` and `spoiling`; no projection."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Export(models.Model):
    """One archive: on its way, ready for a while, or failed. `fence` is the highest under which a worker has begun it:
    each writes under a key of its own."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    done = models.IntegerField(default=0, help_text="sessions")
    total = models.IntegerField(default=0, help_text="sessions")
    bytes = models.BigIntegerField(null=True)
    fence = models.BigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state__in=["queued", "running"]), name="one_export"),
        ]
        indexes = [models.Index(fields=["expires_at"], name="exports_by_end")]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"
