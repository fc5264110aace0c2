"""The rows of artifacts. `Artifact` is written by projections; `Blob` says where bytes lie and is no projection: a
replay leaves it alone."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Artifact(models.Model):
    """One version of a named artifact. A deleted one keeps its row, so that no version number is given twice."""

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(
        "sessions_app.Session", on_delete=models.CASCADE, related_name="artifacts", db_index=False
    )
    position = models.BigIntegerField(help_text="the version of the session with which it came")
    name = models.CharField(max_length=200)
    version = models.IntegerField()
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField(help_text="bytes")
    sha256 = models.CharField(max_length=64)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "name", "version"], name="artifact_version_once"),
        ]
        indexes = [
            models.Index(fields=["session", "-position"], name="artifacts_of_session"),
            models.Index(fields=["sha256"], condition=Q(deleted_at__isnull=True), name="artifacts_by_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"


class Blob(models.Model):
    """Where bytes lie: in the storage under `key`, or, until they are taken there, in `data`. Without `stored_at` they
    are still coming or already going, and nobody may count on them; what is going has no hash any more either, so that
    who is still bringing it notices."""

    key = models.CharField(primary_key=True, max_length=150)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField(help_text="bytes")
    data = models.BinaryField(null=True)
    stored_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256"], condition=Q(stored_at__isnull=False), name="blob_once"),
        ]
        indexes = [
            models.Index(fields=["used_at"], name="blobs_by_use"),
            models.Index(fields=["key"], condition=Q(data__isnull=False), name="blobs_to_settle"),
        ]

    def __str__(self) -> str:
        return self.key
