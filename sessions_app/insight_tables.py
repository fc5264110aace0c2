"""The rows behind search and analytics. Part of `models`; written by `insight_projections`."""

from datetime import timedelta

from django.db import models

from sessions_app.llm.tables import COST_DIGITS, COST_PLACES

BASE, GROWTH = 0.001, 1.1
"""Buckets of the histograms: bucket n reaches up to BASE * GROWTH ** n seconds. What is above BASE is known to 5 %."""

OUTCOMES = ("completed", "incomplete", "failed", "cancelled", "interrupted")
"""How runs end, as columns."""


class Title(models.Model):
    """A session's title as search finds it. Apart from the session, whose row changes with every message: an index of
    words on it would be written every time. A column of PostgreSQL's own, `words`, is made of the two."""

    session = models.OneToOneField("sessions_app.Session", on_delete=models.CASCADE, primary_key=True, related_name="+")
    owner = models.BigIntegerField(null=True)
    text = models.CharField(max_length=200)
    created_at = models.DateTimeField(help_text="when the session began")

    def __str__(self) -> str:
        return self.text


class DailyUse(models.Model):
    """What one session used in one day (UTC) of one model. A row of each session, so that nobody waits for anybody
    who writes in another; analytics adds them up. What a deleted session has used stays used.

    `durations` and `first_tokens` are histograms: how many lie in each bucket."""

    pk = models.CompositePrimaryKey("session", "day", "provider", "model")
    session = models.UUIDField()
    day = models.DateField()
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    owner = models.BigIntegerField()
    deleted = models.BooleanField(db_default=False, help_text="whether the session is")
    messages = models.IntegerField(db_default=0)
    completed = models.IntegerField(db_default=0)
    incomplete = models.IntegerField(db_default=0)
    failed = models.IntegerField(db_default=0)
    cancelled = models.IntegerField(db_default=0)
    interrupted = models.IntegerField(db_default=0)
    prompt_tokens = models.BigIntegerField(db_default=0)
    completion_tokens = models.BigIntegerField(db_default=0)
    priced = models.IntegerField(db_default=0, help_text="counts of tokens whose cost is known")
    unpriced = models.IntegerField(db_default=0, help_text="those whose cost is not")
    cost = models.DecimalField(
        max_digits=COST_DIGITS + 6, decimal_places=COST_PLACES, db_default=0, help_text="USD, of what is priced"
    )
    run_time = models.DurationField(db_default=timedelta(0), help_text="from the last start to the end of its runs")
    spoken_tokens = models.BigIntegerField(db_default=0, help_text="of completed runs whose first token was timed")
    speaking_time = models.DurationField(db_default=timedelta(0), help_text="of the same, from the first token on")
    durations = models.JSONField(null=True)
    first_tokens = models.JSONField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "day"], name="use_of_owner"),
            models.Index(fields=["day"], name="use_of_day"),  # the console adds up everybody's
        ]

    def __str__(self) -> str:
        return f"{self.session} on {self.day}: {self.provider}/{self.model}"
