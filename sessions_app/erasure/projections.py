"""From events to the rows of what is gone. Registered before the others: they delete the session's row."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid5

import msgspec

from bus.messages import Envelope
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import PastUsage, Removed, Session

registry.projection_models += [Removed, PastUsage]


@projects(events.SessionDeleted)
def session_deleted(event: events.SessionDeleted, envelope: Envelope) -> None:
    """Whose it was, and how long it is to be kept."""
    session = Session.objects.only("owner_id", "retention_days").get(id=envelope.stream)
    kept = {"owner": session.owner_id, "retention_days": session.retention_days}
    Removed.objects.create(id=session.id, deleted_at=envelope.recorded_at, **kept)


@projects(events.SessionErased)
def session_erased(event: events.SessionErased, envelope: Envelope) -> None:
    """Everything of it goes; what it used stays, without a name."""
    Session.objects.filter(id=envelope.stream).delete()
    report = msgspec.to_builtins(event) | {"session_id": str(envelope.stream), "version": envelope.version}
    for private in ("owner_id", "usage"):
        report.pop(private)
    proof = {"owner": event.owner_id, "erased_at": envelope.recorded_at, "report": report}
    before = {"deleted_at": None, "retention_days": None}  # the log does not say it any more
    Removed.objects.update_or_create(id=envelope.stream, defaults=proof | before)
    for number, used in enumerate(event.usage):
        _keep(used, envelope, number)


def _keep(used: events.KeptUsage, envelope: Envelope, number: int) -> None:
    figures: dict[str, Any] = msgspec.to_builtins(used, builtin_types=(date, Decimal))
    PastUsage.objects.create(id=uuid5(envelope.id, f"usage {number}"), **figures)


@projects(events.RetentionSet)
def retention_set(event: events.RetentionSet, envelope: Envelope) -> None:
    """How long it is kept. That is no change of the session that would make it be kept longer."""
    Session.objects.filter(id=envelope.stream).update(retention_days=event.days)
