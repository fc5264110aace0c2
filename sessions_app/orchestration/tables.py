"""The rows of graphs, written by projections, from events, and read by the engine's steps and by people; and named
prompts, which operators write in the admin."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from sessions_app.llm.tables import COST_DIGITS, COST_PLACES
from sessions_app.orchestration.grammar import LONGEST_NAME

NAME = r"[a-z0-9][a-z0-9_-]*"
"""What a prompt can be called: it stands in addresses and in names of folders."""


class Graph(models.Model):
    """Prompts with dependencies, or a parallel group, or a single prompt; and how far it has come."""

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True)
    session = models.ForeignKey("sessions_app.Session", on_delete=models.CASCADE, related_name="graphs", db_index=False)
    name = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, default="graph")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    max_parallel = models.SmallIntegerField()
    cancel_requested = models.BooleanField(default=False)
    total = models.IntegerField()
    done = models.IntegerField(default=0)
    running = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=COST_DIGITS, decimal_places=COST_PLACES, null=True, default=0, help_text="USD; empty where unknown"
    )
    eta = models.FloatField(null=True, help_text="seconds, an estimate")
    variables = models.JSONField(default=dict, blank=True, help_text="what all its prompts can use")
    metadata = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["session", "-started_at", "-id"], name="graphs_newest")]

    def __str__(self) -> str:
        return self.name or str(self.id)


class GraphNode(models.Model):
    """One node. `succeeded`, `bad` and `skipped` count how its dependencies ended, so that nobody need look at them
    all again when one more does."""

    class State(models.TextChoices):
        BLOCKED = "blocked"
        READY = "ready"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        SKIPPED = "skipped"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True)
    graph = models.ForeignKey(Graph, on_delete=models.CASCADE, related_name="nodes", db_index=False)
    key = models.CharField(max_length=64)
    index = models.SmallIntegerField(help_text="its place among the nodes as they were given")
    rank = models.SmallIntegerField(help_text="nodes on the longest way from it to an end of the graph")
    state = models.CharField(max_length=10, choices=State, default=State.BLOCKED)
    spec = models.JSONField(help_text="its prompt and rules, as recorded")
    join = models.CharField(max_length=4, help_text="all, any, or how many dependencies must succeed")
    on_failure = models.CharField(max_length=4, help_text="what becomes of it when too few do: fail, skip, run")
    dependencies = models.SmallIntegerField(default=0)
    succeeded = models.SmallIntegerField(default=0)
    bad = models.SmallIntegerField(default=0)
    skipped = models.SmallIntegerField(default=0)
    attempt = models.SmallIntegerField(default=0)
    run = models.UUIDField(null=True)
    conversation = models.UUIDField(null=True)
    message = models.UUIDField(null=True)
    code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["graph", "index"], name="node_once"),
            models.UniqueConstraint(fields=["run"], name="node_of_run"),
        ]
        indexes = [
            models.Index(fields=["graph", "-rank", "index"], condition=models.Q(state="ready"), name="nodes_ready"),
            models.Index(fields=["graph"], condition=models.Q(state="running"), name="nodes_running"),
        ]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"


class GraphEdge(models.Model):
    """`dependent` waits for `dependency`."""

    pk = models.CompositePrimaryKey("dependency_id", "dependent_id")
    dependency = models.ForeignKey(GraphNode, on_delete=models.CASCADE, related_name="leads_to", db_index=False)
    dependent = models.ForeignKey(GraphNode, on_delete=models.CASCADE, related_name="depends_on", db_index=False)

    class Meta:
        indexes = [models.Index(fields=["dependent"], name="edges_before")]


class Prompt(models.Model):
    """One version of a named prompt."""

    name = models.CharField(
        max_length=LONGEST_NAME,
        validators=[RegexValidator(rf"^{NAME}\Z", "Small letters, digits, - and _, beginning with a letter or digit.")],
        help_text="small letters, digits, - and _; a name that is there already gets a new version",
    )
    version = models.PositiveIntegerField(editable=False)
    system = models.TextField(blank=True, help_text="template of the system message; may be empty")
    user = models.TextField(help_text="template of the user message")
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="prompt_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
