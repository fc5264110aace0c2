"""The bus's tables: the log and its streams, work with leases, idempotency keys, durable subscribers.

Written by `bus.log` and `bus.work` only; everything else reads."""

from django.db import models
from django.db.models.functions import Now


class Stream(models.Model):
    """The head of one session's log: its row lock orders the appends, its version counts them. To a sealed one
    nothing is ever appended."""

    id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField(default=0)
    sealed = models.BooleanField(db_default=False)

    def __str__(self) -> str:
        return f"{self.id} at v{self.version}"


class StoredEvent(models.Model):
    """One line of the log. Never changed, never deleted by the application."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField()
    stream = models.UUIDField()
    version = models.BigIntegerField()
    type = models.CharField(max_length=100)
    schema = models.SmallIntegerField()
    data = models.JSONField()
    actor = models.CharField(max_length=100)
    command = models.UUIDField(help_text="the command that caused it; with seq: a retried append is harmless")
    seq = models.SmallIntegerField()
    causation = models.UUIDField(null=True, help_text="the command, or the event a reaction answered")
    correlation = models.CharField(max_length=100, blank=True)
    traceparent = models.CharField(max_length=60, blank=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stream", "version"], name="event_once_per_version"),
            models.UniqueConstraint(fields=["command", "seq"], name="event_once_per_command"),
        ]

    def __str__(self) -> str:
        return f"{self.type} v{self.version}"


class Snapshot(models.Model):
    """A folded state at a version, so that travelling to a late version need not fold from the start."""

    stream = models.UUIDField()
    version = models.BigIntegerField()
    kind = models.CharField(max_length=100)
    state = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "kind", "version"], name="one_snapshot_per_version")]


class Idempotency(models.Model):
    """A key a caller gave, claimed in the transaction of its effect; a repeat returns `result`."""

    principal = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    fingerprint = models.BinaryField(max_length=32)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="one_effect_per_key")]
        indexes = [models.Index(fields=["created_at"], name="key_age")]


class Leased(models.Model):
    """What is done by one worker at a time. Times by the database's clock; a higher fence outdates a lower one."""

    fence = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    run_after = models.DateTimeField(db_default=Now())
    error = models.JSONField(null=True)

    class Meta:
        abstract = True


class Work(Leased):
    """Something accepted and not yet done: a queued command, a run. Reaches exactly one final state."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"
        PARKED = "parked"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    session = models.UUIDField(null=True)
    name = models.CharField(max_length=100)
    payload = models.JSONField(default=dict)
    actor = models.CharField(max_length=100)
    correlation = models.CharField(max_length=100, blank=True)
    traceparent = models.CharField(max_length=60, blank=True)
    max_attempts = models.SmallIntegerField(default=3)
    cancel_requested_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "work"
        indexes = [
            models.Index(fields=["run_after"], name="work_due", condition=models.Q(state="queued")),
            models.Index(fields=["lease_until"], name="work_leased", condition=models.Q(state="running")),
            models.Index(fields=["finished_at"], name="work_age", condition=models.Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.state})"


class SubscriberCursor(Leased):
    """How far a durable subscriber has come in the whole log."""

    name = models.CharField(max_length=200, primary_key=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class ParkedDelivery(models.Model):
    """An event a durable subscriber could not take; redriven by the command `redrive-delivery`."""

    subscriber = models.CharField(max_length=200)
    position = models.BigIntegerField()
    attempts = models.SmallIntegerField()
    error = models.TextField()
    redrive = models.BooleanField(default=False)
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "parked deliveries"
        constraints = [models.UniqueConstraint(fields=["subscriber", "position"], name="parked_once")]

    def __str__(self) -> str:
        return f"{self.subscriber} at {self.position}"
