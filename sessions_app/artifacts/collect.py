"""Takes small bytes from the database to the storage, and frees what nobody refers to any more. Called by the sweepers
and `manage.py collect_artifacts`, by several at once if need be.

No row is locked while the storage is waited for: commands that keep the same bytes would wait as well."""

import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sessions_app.artifacts import blobs
from sessions_app.artifacts.tables import Artifact, Blob

AT_ONCE = 10
"""Blobs looked at in one go."""
BUDGET = 5.0
"""Seconds for each of both before others have their turn, and a process that ends is waited for."""


def prune() -> bool:
    """Both for a while; whether there is more to do."""
    more = [_goes_on(step, time.monotonic() + BUDGET) for step in (settle, free)]
    return any(more)


def _goes_on(step: Callable[[], int], until: float) -> bool:
    while step():
        if time.monotonic() >= until:
            return True
    return False


def settle(most: int = AT_ONCE) -> int:
    """Take bytes that commands brought to the storage; how many were looked at."""
    keys = _waiting(most)
    for key in keys:
        _settle(key)
    return len(keys)


def _waiting(most: int) -> list[str]:
    """From somewhere in the midst, as keys begin with a hash: several who settle at once seldom meet, and bytes that
    the storage refuses stand in nobody's way."""
    waiting = Blob.objects.filter(data__isnull=False, stored_at__isnull=False).order_by("key")
    keys = waiting.values_list("key", flat=True)
    return list(keys.filter(key__gte=uuid4().hex[:2])[:most]) or list(keys[:most])


def _settle(key: str) -> None:
    blob = Blob.objects.filter(key=key, stored_at__isnull=False).first()
    if blob is None or blob.data is None:
        return
    brought = blobs.bring(BytesIO(blob.data), blobs.Digest(blob.sha256, blob.size))
    if not _moved(blob, brought):
        blobs.remove(brought)


def _moved(blob: Blob, key: str) -> bool:
    """The blob lies there now. Not where another was quicker, it is being freed, or what was brought is: it took
    longer than the grace."""
    with transaction.atomic():
        came, _ = Blob.objects.filter(key=key, sha256=blob.sha256).delete()
        if came and Blob.objects.filter(key=blob.key, stored_at__isnull=False).update(key=key, data=None):
            return True
        transaction.set_rollback(True)
    return False


def unused() -> QuerySet[Blob]:
    """What nobody refers to, and nobody was about to for ARTIFACT_GRACE, by the database's clock; and what never came
    to be stored, or was left when it was being removed."""
    old = Blob.objects.filter(used_at__lt=Now() - timedelta(seconds=settings.ARTIFACT_GRACE))
    alive = Artifact.objects.filter(sha256=OuterRef("sha256"), deleted_at__isnull=True)
    return old.filter(Q(stored_at__isnull=True) | ~Exists(alive))


def free(most: int = AT_ONCE) -> int:
    """Remove what is unused; how many blobs. First the row says that the bytes are going, and that is committed: who
    stores the same bytes meanwhile stores them anew. Who was quicker has moved `used_at`, under the row's lock."""
    with transaction.atomic():
        going = unused().select_for_update(skip_locked=True).order_by("used_at").values_list("key", flat=True)
        keys = list(going[:most])
        Blob.objects.filter(key__in=keys).update(stored_at=None, sha256="")
    for key in keys:
        blobs.remove(key)
    return len(keys)
