"""How much a session, and all sessions of a user, may keep. Called by the handlers under the session's lock, and once
before an upload is stored, to spare the bytes."""

from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet, Sum

from bus.exceptions import Refused
from sessions_app.artifacts.tables import Artifact

MOST = 10_000
"""Artifacts of one session, whatever their size."""
_CLASS = 1_718_185_845
"""Our advisory locks on users' quotas, among whatever else PostgreSQL locks by numbers."""


class QuotaExhausted(Refused):
    """There is no room for more artifacts; delete some."""

    code = "quota-exhausted"
    status = 409


def check(session_id: UUID, owner_id: int | None, size: int) -> None:
    """Raises QuotaExhausted."""
    kept = Artifact.objects.filter(session_id=session_id, deleted_at__isnull=True)
    if _bytes(kept) + size > settings.ARTIFACT_SESSION_BYTES:
        raise QuotaExhausted(f"A session may keep {settings.ARTIFACT_SESSION_BYTES} bytes of artifacts.")
    if kept.aggregate(n=Count("id"))["n"] >= MOST:
        raise QuotaExhausted(f"A session may keep {MOST} artifacts.")
    if owner_id is None:
        return
    everything = Artifact.objects.filter(session__owner_id=owner_id, deleted_at__isnull=True)
    if _bytes(everything) + size > settings.ARTIFACT_USER_BYTES:
        raise QuotaExhausted(f"All your sessions together may keep {settings.ARTIFACT_USER_BYTES} bytes of artifacts.")


def lock(owner_id: int | None) -> None:
    """Until the end of the transaction nobody else counts what this user keeps: sessions have locks of their own."""
    if owner_id is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLASS, owner_id])


def _bytes(kept: QuerySet[Artifact]) -> int:
    return kept.aggregate(bytes=Sum("size"))["bytes"] or 0
