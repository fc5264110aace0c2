"""The rows of sharing. Written by `projections`, rebuilt by a replay."""

from django.conf import settings
from django.db import models


class SessionShare(models.Model):
    """Somebody who is not the owner and may use the session. Its id is that of the event that first let them in;
    `granted_by` is an actor: `user:7`."""

    class Role(models.TextChoices):
        VIEWER = "viewer"
        EDITOR = "editor"

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey("sessions_app.Session", on_delete=models.CASCADE, related_name="shares", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="shared_sessions")
    role = models.CharField(max_length=6, choices=Role)
    granted_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="share_once")]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"
