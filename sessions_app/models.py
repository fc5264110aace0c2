"""The rows people and programs read. Written only by `projections.py`, from events; rebuilt by `manage.py replay`.

(RunChunk is the exception: the text of an answer still streaming, kept by the engine, gone when it is complete.)"""

from datetime import datetime

from django.conf import settings
from django.db import models

from sessions_app.accounts.tables import ApiToken, ServiceAccount, TokenUse
from sessions_app.artifacts.tables import Artifact, Blob
from sessions_app.erasure.tables import PastUsage, Removed, Retention
from sessions_app.exchange.tables import Export
from sessions_app.insight_tables import DailyUse, Title
from sessions_app.llm.tables import (
    COST_DIGITS,
    COST_PLACES,
    Budget,
    BudgetUse,
    ModelEntry,
    Reservation,
    UsageEntry,
)
from sessions_app.orchestration.tables import Graph, GraphEdge, GraphNode, Prompt
from sessions_app.plugin_tables import Memory, Plugin
from sessions_app.sharing.tables import SessionShare
from sessions_app.ticket_tables import Ticket
from sessions_app.values import Role, TokenMetrics

__all__ = [
    "ApiToken",
    "Artifact",
    "Blob",
    "Budget",
    "BudgetUse",
    "Conversation",
    "DailyUse",
    "Export",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Memory",
    "Message",
    "ModelEntry",
    "PastUsage",
    "Plugin",
    "Prompt",
    "ProviderKey",
    "Removed",
    "Reservation",
    "Retention",
    "Run",
    "RunChunk",
    "ServiceAccount",
    "Session",
    "SessionShare",
    "Ticket",
    "Title",
    "TokenUse",
    "UsageEntry",
]


PINNED = models.Q(metadata__contains={"pinned": True})
LABELLED = models.Q(metadata__has_any_keys=["folder", "tags"])
"""What people sort their lists by stands in a session's metadata: few have it, and those have indexes of their own."""


class Session(models.Model):
    """One session: its configuration, its totals. `owner` null: made by the system itself."""

    id = models.UUIDField(primary_key=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="llm_sessions", db_index=False
    )
    title = models.CharField(max_length=200, blank=True)
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    config = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    retention_days = models.IntegerField(null=True, help_text="erased so long after the last change; 0: never")
    message_count = models.IntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    estimated_cost = models.DecimalField(
        max_digits=COST_DIGITS,
        decimal_places=COST_PLACES,
        null=True,
        default=0,
        help_text="USD; empty where a price is unknown",
    )
    context_tokens = models.BigIntegerField(default=0, help_text="tokens the last request occupied")
    max_context_window = models.IntegerField(null=True, help_text="tokens; empty where the model is unknown")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-updated_at", "-id"], name="session_newest"),
            *(
                models.Index(fields=["owner", "-updated_at", "-id"], condition=condition, name=f"session_{name}")
                for name, condition in (("pinned", PINNED), ("labelled", LABELLED))
            ),
        ]

    def __str__(self) -> str:
        return self.title or str(self.id)

    @property
    def metrics(self) -> TokenMetrics:
        """The totals with what derives from them."""
        return TokenMetrics.of(
            self.prompt_tokens,
            self.completion_tokens,
            self.estimated_cost,
            self.context_tokens,
            self.max_context_window,
        )


class Conversation(models.Model):
    """A named line of messages in a session. `main` has the session's own id. A fork begins with its parent's messages
    up to `forked_at`; `lineage` has all it shares, nearest first, as pairs of a conversation and a position."""

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="conversations")
    name = models.CharField(max_length=200)
    parent = models.UUIDField(null=True, blank=True)
    forked_at = models.BigIntegerField(null=True, blank=True, help_text="what came up to this position is shared")
    lineage = models.JSONField(default=list, blank=True)
    is_archived = models.BooleanField(default=False)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["session", "created_at", "id"], name="conversations_oldest")]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One message. `position` orders a conversation: the version of the event that added it. What search looks at is
    a column of PostgreSQL's own, made of content and owner (see the migration)."""

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages", db_index=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False)
    position = models.BigIntegerField()
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    content = models.JSONField()
    tool_call_id = models.CharField(max_length=200, null=True, blank=True)
    tool_calls = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    run = models.UUIDField(null=True, blank=True)
    owner = models.BigIntegerField(null=True, editable=False, help_text="the session's, for the index of words")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "position"], name="message_once_per_position")]
        indexes = [models.Index(fields=["session", "position"], name="message_in_session")]

    def __str__(self) -> str:
        return f"{self.role} at {self.position}"


class Run(models.Model):
    """One answer of a model. Its lease, while it is at work, is in the bus's Work row of the same id."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        REQUIRES_ACTION = "requires_action"
        COMPLETED = "completed"
        INCOMPLETE = "incomplete"
        FAILED = "failed"
        CANCELLED = "cancelled"
        INTERRUPTED = "interrupted"

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="runs")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="runs")
    state = models.CharField(max_length=15, choices=State, default=State.QUEUED)
    waits = models.BooleanField(default=False, help_text="another run of the conversation comes first")
    first = models.BooleanField(default=False, help_text="before the others that wait")
    provider = models.CharField(max_length=100)
    model = models.CharField(max_length=100)
    tools = models.JSONField(default=list, blank=True)
    client_tools = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="tools of whoever asked: a call ends the run",
    )
    input = models.JSONField(null=True, blank=True, help_text="what joins the conversation when its turn comes")
    on_interrupt = models.CharField(max_length=5, default="keep")
    retries = models.UUIDField(null=True, blank=True)
    continues = models.UUIDField(null=True, blank=True)
    config = models.JSONField(default=dict, blank=True, help_text="instead of the session's")
    timeout = models.FloatField(null=True, blank=True, help_text="seconds it may take once a worker has begun")
    time_left = models.DurationField(null=True, help_text="of its time, until a worker begins")
    deadline = models.DateTimeField(null=True, help_text="when its time is over")
    delay = models.FloatField(default=0.0, help_text="seconds before a worker may take it up")
    budget = models.JSONField(null=True, blank=True, help_text="the most it may use: tokens, usd")
    cost = models.DecimalField(
        max_digits=COST_DIGITS + 6,
        decimal_places=COST_PLACES,
        null=True,
        default=0,
        help_text="USD; empty where a price is unknown",
    )
    metadata = models.JSONField(default=dict, blank=True)
    requested_version = models.BigIntegerField(help_text="the session's version it answers")
    asked_version = models.BigIntegerField(null=True, help_text="later user messages are for other runs to answer")
    attempt = models.SmallIntegerField(default=0, help_text="texts begun")
    decisions = models.JSONField(default=dict, blank=True, help_text="tool calls: null undecided, true allowed")
    cancel_requested = models.BooleanField(default=False)
    compacts = models.BooleanField(default=False, db_default=False, help_text="makes a summary instead of an answer")
    message = models.UUIDField(null=True)
    prompt_tokens = models.BigIntegerField(null=True)
    completion_tokens = models.BigIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    error = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    failures = models.JSONField(default=list, blank=True, help_text="what was tried again, and why")
    first_token = models.FloatField(null=True, help_text="seconds from the request to the first piece of the answer")
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(waits=False, state__in=["queued", "running", "requires_action"]),
                name="one_active_run",
            )
        ]
        indexes = [
            models.Index(
                fields=["conversation", "-first", "requested_version"],
                condition=models.Q(waits=True, state="queued"),
                name="runs_waiting",
            ),
            models.Index(fields=["session", "-id"], name="runs_newest"),
            models.Index(
                fields=["session"],
                condition=models.Q(state__in=["queued", "requires_action", "running"]),
                name="runs_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} ({self.state})"

    def seconds_left(self, at: datetime) -> float | None:
        """Of its time, for a worker that begins then; None where it has no limit."""
        left = self.deadline - at if self.deadline else self.time_left
        return None if left is None else left.total_seconds()


class RunChunk(models.Model):
    """Half a second of an answer still streaming, so that a reload or a dead worker loses next to nothing."""

    run = models.UUIDField()
    attempt = models.SmallIntegerField()
    seq = models.IntegerField()
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "attempt", "seq"], name="chunk_once")]


class ProviderKey(models.Model):
    """A provider's key, encrypted together with the one place it may be sent to. Written in the admin only."""

    provider = models.CharField(max_length=100, unique=True)
    base_url = models.CharField(max_length=500, blank=True)
    secret = models.TextField(editable=False)
    hint = models.CharField(max_length=4, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.provider
