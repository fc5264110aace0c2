"""What there is of a session before it is erased: the report's figures. Reads only."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import Case, QuerySet, Sum, Value, When
from django.db.models.functions import TruncDate

from sessions_app.events import KeptUsage
from sessions_app.models import Artifact, Conversation, Graph, GraphNode, Memory, Message, Run, UsageEntry

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def rows_of(session_id: UUID) -> dict[str, int]:
    """How many rows of each kind."""
    kinds: dict[str, QuerySet[Any]] = {
        "conversations": Conversation.objects.filter(session_id=session_id),
        "messages": Message.objects.filter(session_id=session_id),
        "runs": Run.objects.filter(session_id=session_id),
        "artifacts": Artifact.objects.filter(session_id=session_id, deleted_at__isnull=True),
        "graphs": Graph.objects.filter(session_id=session_id),
        "nodes": GraphNode.objects.filter(graph__session_id=session_id),
        "memories": Memory.objects.filter(session=session_id),
    }
    return {name: rows.count() for name, rows in kinds.items()}


def usage_of(session_id: UUID) -> list[KeptUsage]:
    """What was used, by day and model; apart what has no price."""
    entries = UsageEntry.objects.filter(session_id=session_id).annotate(
        day=TruncDate("at", tzinfo=UTC), priced=Case(When(cost__isnull=False, then=Value(True)), default=Value(False))
    )
    groups = entries.values("day", "provider", "model", "priced").order_by("day", "provider", "model", "priced")
    sums: Any = groups.annotate(spent=Sum("cost"), **{f"all_{name}": Sum(name) for name in TOKENS})
    return [
        KeptUsage(
            day=row["day"],
            provider=row["provider"],
            model=row["model"],
            cost=row["spent"],
            **{name: row[f"all_{name}"] for name in TOKENS},
        )
        for row in sums
    ]
