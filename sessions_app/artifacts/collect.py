"""Takes small bytes from the database to the storage, and frees what nobody refers to any more. Called by the sweepers
and `manage.py collect_artifacts`, by several at once if need be."""

from datetime import timedelta

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sessions_app.artifacts import blobs
from sessions_app.artifacts.tables import Artifact, Blob

AT_ONCE = 100
"""Blobs looked at in one go: a sweeper has other things to do."""


def prune() -> None:
    """A little of both."""
    settle()
    free()


def settle(most: int = AT_ONCE) -> int:
    """Take bytes that commands brought to the storage; how many. One row at a time is locked, for one small file."""
    return sum(1 for _ in range(most) if _settle_one())


def _settle_one() -> bool:
    with transaction.atomic():
        waiting = Blob.objects.select_for_update(skip_locked=True).filter(data__isnull=False, stored_at__isnull=False)
        blob = waiting.order_by("key").first()
        if blob is None or blob.data is None:
            return False
        storage = blobs.storage()
        storage.delete(blob.key)  # where an earlier try has died after its file
        storage.save(blob.key, ContentFile(bytes(blob.data)))
        Blob.objects.filter(key=blob.key).update(data=None)
    return True


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
        Blob.objects.filter(key__in=keys).update(stored_at=None)
    for key in keys:
        blobs.remove(key)
    return len(keys)
