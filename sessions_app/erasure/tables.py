"""The rows of what is gone. `Removed` and `PastUsage` are written by `projections`, `Retention` in the admin."""

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models

from sessions_app.llm.tables import COST_DIGITS, COST_PLACES

LONGEST = 36_500


class Removed(models.Model):
    """A session that was deleted or erased; its id is the session's, `owner` its owner's. `report` is the proof."""

    id = models.UUIDField(primary_key=True)
    owner = models.IntegerField(null=True)
    retention_days = models.IntegerField(null=True)
    deleted_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)
    report = models.JSONField(null=True)

    class Meta:
        verbose_name_plural = "removed sessions"
        indexes = [
            models.Index(fields=["deleted_at"], condition=models.Q(erased_at__isnull=True), name="removed_not_erased"),
            models.Index(fields=["owner"], name="removed_of_owner"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class PastUsage(models.Model):
    """What an erased session's requests to one model used on one day, and cost. It names neither session nor user."""

    id = models.UUIDField(primary_key=True)
    day = models.DateField()
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    cost = models.DecimalField(
        max_digits=COST_DIGITS, decimal_places=COST_PLACES, null=True, help_text="USD; empty where a price is unknown"
    )

    class Meta:
        verbose_name_plural = "past usage"

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} on {self.day}"


class Retention(models.Model):
    """After how many days without a change a user's sessions are erased, instead of RETENTION_DAYS; 0 is never."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True)
    days = models.PositiveIntegerField(validators=[MaxValueValidator(LONGEST)], help_text="0: never")

    def __str__(self) -> str:
        return f"{self.days} days"
