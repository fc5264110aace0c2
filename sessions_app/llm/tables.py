"""The rows behind cost: what operators say of models, what was used, and what may be used.

`ModelEntry` and `Budget` are written in the admin, `UsageEntry` by projections, the rest by `budgets.py`."""

from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from sessions_app.llm.base import Usage

PRICE_PLACES, COST_PLACES = 10, 16
"""Decimals of a price (USD per million tokens) and of a cost: six more, so that every cost is exact."""
COST_DIGITS = 10 + COST_PLACES
PRICES = ("input_price", "cache_read_price", "cache_write_price", "output_price", "reasoning_price")


def _price(what: str) -> "models.DecimalField[Decimal | float | str | None, Decimal | None]":
    return models.DecimalField(
        max_digits=8 + PRICE_PLACES,
        decimal_places=PRICE_PLACES,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=f"USD per million tokens {what}; empty: as published",
    )


class ModelEntry(models.Model):
    """What an operator knows of a model from one moment to another; what is empty stays as published."""

    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    valid_from = models.DateTimeField(
        default=timezone.now, help_text="set it back to price what was used before (`manage.py reprice`)"
    )
    valid_until = models.DateTimeField(null=True, blank=True, help_text="exclusive; empty: for good")
    max_context_window = models.PositiveIntegerField(null=True, blank=True, help_text="tokens")
    max_output = models.PositiveIntegerField(null=True, blank=True, help_text="tokens of one answer")
    images = models.BooleanField(null=True, blank=True, help_text="whether it looks at images")
    tools = models.BooleanField(null=True, blank=True, help_text="whether it calls tools")
    input_price = _price("read")
    cache_read_price = _price("read from a cache")
    cache_write_price = _price("written to a cache")
    output_price = _price("written")
    reasoning_price = _price("of reasoning; where none is published, reasoning is priced as output")

    class Meta:
        verbose_name_plural = "model entries"
        # that the times of one model do not overlap is an exclusion constraint of the migration
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")), name="model_entry_times"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    def clean(self) -> None:
        """One entry at a time for one model."""
        others = ModelEntry.objects.filter(provider=self.provider, model=self.model).exclude(pk=self.pk)
        others = others.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=self.valid_from))
        if self.valid_until is not None:
            others = others.filter(valid_from__lt=self.valid_until)
        if other := others.first():
            raise ValidationError(
                f"Another entry of this model is valid from {other.valid_from:%Y-%m-%d %H:%M}"
                f" until {f'{other.valid_until:%Y-%m-%d %H:%M}' if other.valid_until else 'it is ended'}."
            )


class UsageEntry(models.Model):
    """What one count of tokens was made of, so that it can be priced again. Its id is that of its event."""

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(
        "sessions_app.Session", on_delete=models.CASCADE, related_name="usage_entries", db_index=False
    )
    run = models.UUIDField(null=True)
    conversation = models.UUIDField(null=True)
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    input_tokens = models.BigIntegerField()
    cache_read_tokens = models.BigIntegerField()
    cache_write_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    raw = models.JSONField(default=dict)
    cost = models.DecimalField(
        max_digits=COST_DIGITS, decimal_places=COST_PLACES, null=True, help_text="USD; empty where a price is unknown"
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "usage entries"
        indexes = [models.Index(fields=["session", "id"], name="usage_of_session")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} at {self.at:%Y-%m-%d %H:%M}"

    @property
    def usage(self) -> Usage:
        """The buckets."""
        return Usage(
            input_tokens=self.input_tokens,
            cache_read_tokens=self.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens,
            output_tokens=self.output_tokens,
            reasoning_tokens=self.reasoning_tokens,
            raw=self.raw,
        )


class Budget(models.Model):
    """The most a session, or all sessions of a user, may use in a period. What is empty is not limited."""

    class Scope(models.TextChoices):
        SESSION = "session"
        USER = "user"

    class Period(models.TextChoices):
        TOTAL = "total"
        DAY = "day"
        MONTH = "month"

    scope = models.CharField(max_length=7, choices=Scope)
    session: "models.UUIDField[UUID | None, UUID | None]" = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="the id of a session"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True)
    period = models.CharField(max_length=5, choices=Period, default=Period.TOTAL, help_text="days and months are UTC")
    usd = models.DecimalField(
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )
    tokens = models.BigIntegerField(null=True, blank=True, validators=[MinValueValidator(0)])

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="session", session__isnull=False, user__isnull=True)
                | Q(scope="user", session__isnull=True, user__isnull=False),
                name="budget_of_one",
                violation_error_message="Name the session or the user, as the scope says, and not the other.",
            )
        ]

    def __str__(self) -> str:
        whose = f"session {self.session}" if self.scope == self.Scope.SESSION else f"user {self.user_id}"
        return f"{whose}, {self.period}"


class BudgetUse(models.Model):
    """What of a budget is spent, and what is set aside for runs at work, in the period that began then."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="uses", db_index=False)
    starts = models.DateField()
    spent_tokens = models.BigIntegerField(default=0)
    spent_usd = models.DecimalField(max_digits=COST_DIGITS, decimal_places=COST_PLACES, default=0)
    reserved_tokens = models.BigIntegerField(default=0)
    reserved_usd = models.DecimalField(max_digits=COST_DIGITS, decimal_places=COST_PLACES, default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["budget", "starts"], name="budget_once_per_period")]

    def __str__(self) -> str:
        return f"{self.budget_id} since {self.starts}"


class Reservation(models.Model):
    """What one run has set aside; it goes when the run ends."""

    run = models.UUIDField()
    use = models.ForeignKey(BudgetUse, on_delete=models.CASCADE, related_name="reservations")
    tokens = models.BigIntegerField()
    usd = models.DecimalField(
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "use"], name="reservation_once")]

    def __str__(self) -> str:
        return f"{self.run}: {self.tokens} tokens"
