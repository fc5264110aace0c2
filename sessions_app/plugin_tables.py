"""The rows of plugins: their switches, and what the semantic memory keeps. Part of `models`.

`Plugin` is written in the admin and by `switches`, `Memory` by its plugin; none is rebuilt by a replay."""

from django.db import models
from django.utils import timezone


class Plugin(models.Model):
    """One plugin's switch, and how it has done. Without a row it is on."""

    name = models.CharField(max_length=200, unique=True)
    enabled = models.BooleanField(default=True, help_text="takes effect in all processes within two seconds")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="in a row")
    failing = models.CharField(max_length=300, blank=True, editable=False, help_text="which reaction or subscriber")
    failures_total = models.PositiveBigIntegerField(default=0, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False, help_text="when it was switched")

    def __str__(self) -> str:
        return self.name


class Memory(models.Model):
    """Something said, as it can be found again; its id is the message's. Two columns are PostgreSQL's own business:
    `words`, for full-text search, and where pgvector is there `embedding` (see the migration)."""

    id = models.UUIDField(primary_key=True)
    session = models.UUIDField(db_index=True)
    owner = models.BigIntegerField()
    role = models.CharField(max_length=10)
    text = models.TextField()
    said_at = models.DateTimeField()
    refused = models.BooleanField(db_default=False, help_text="the embedder does not take it; words find it")

    class Meta:
        indexes = [models.Index(fields=["owner", "-said_at"], name="memory_of_owner")]
        verbose_name_plural = "memories"

    def __str__(self) -> str:
        return f"{self.role}: {self.text[:40]}"
