"""Bytes by their hash, each stored once, over `STORAGES["artifacts"]`. Called by `store`, the handlers and `inlining`.

The row comes before the file and says `stored_at` only after it, so that whatever dies in between leaves a row that
`collect` finds; every try has a key of its own, so that no storage need be able to replace or rename."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any, NamedTuple
from uuid import UUID

from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from bus.exceptions import BusError
from bus.messages import uuid7
from sessions_app.artifacts.tables import Artifact, Blob

PIECE = 65_536
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_KEEP = """
INSERT INTO sessions_app_blob (key, sha256, size, data, stored_at) VALUES (%s, %s, %s, %s, now())
ON CONFLICT (sha256) WHERE stored_at IS NOT NULL DO UPDATE SET used_at = now()
"""


class BlobGone(BusError):
    """The bytes were removed in this very moment, or their storage has lost them; try again."""

    code = "unavailable"
    status = 503
    permanent = False


class Digest(NamedTuple):
    """What identifies bytes."""

    sha256: str
    size: int


_instead: list[Storage] = []


def use(other: Storage) -> None:
    """Keep files there, in this process, instead of where the settings say: for scripts that bring their own place.
    Others do not find them."""
    _instead[:] = [other]


def storage() -> Storage:
    """Where files lie."""
    return _instead[0] if _instead else storages["artifacts"]


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """A file from its beginning, a little at a time."""
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def digest(data: bytes | IO[bytes]) -> Digest:
    """The hash and the size of bytes."""
    found, size = hashlib.sha256(), 0
    for piece in [data] if isinstance(data, bytes) else pieces(data):
        found.update(piece)
        size += len(piece)
    return Digest(found.hexdigest(), size)


def hold(sha256: str) -> bool:
    """Whether the bytes are there. If so they stay for ARTIFACT_GRACE from now on, and at least until the end of the
    transaction, in which an artifact may refer to them."""
    return bool(Blob.objects.filter(sha256=sha256, stored_at__isnull=False).update(used_at=Now()))


def hold_all(session_id: UUID) -> None:
    """The same for everything a session refers to. In the order of the hashes, so that two who hold the same bytes do
    not wait for each other."""
    hashes = Artifact.objects.filter(session_id=session_id, deleted_at__isnull=True).values("sha256")
    held = Blob.objects.select_for_update().filter(sha256__in=hashes, stored_at__isnull=False).order_by("sha256")
    Blob.objects.filter(key__in=list(held.values_list("key", flat=True))).update(used_at=Now())


def let_go(session_id: UUID) -> None:
    """What a session refers to has no grace any more: the collector frees it next, unless somebody else has the same.
    In the order of `hold_all`."""
    hashes = Artifact.objects.filter(session_id=session_id).values("sha256")
    held = Blob.objects.select_for_update().filter(sha256__in=hashes, stored_at__isnull=False).order_by("sha256")
    Blob.objects.filter(key__in=list(held.values_list("key", flat=True))).update(used_at=LONG_AGO)


def put(file: IO[bytes], known: Digest) -> None:
    """Store a file of this digest, unless it is there. Waits for the storage: not to be called in a transaction."""
    if hold(known.sha256):
        return
    key = bring(file, known)
    try:
        with transaction.atomic():
            ready = Blob.objects.filter(key=key, sha256=known.sha256).update(stored_at=Now(), used_at=Now())
    except IntegrityError:  # the same bytes came twice at once: the other was first
        ready = 0
    if not ready:
        remove(key)
        if not hold(known.sha256):
            raise BlobGone


def bring(file: IO[bytes], known: Digest) -> str:
    """Write a file under a key of its own, with a row that says it is still coming; the key. Waits for the storage.
    Raises BlobGone where that took longer than the grace, and it was freed meanwhile."""
    key = _key(known.sha256)
    Blob.objects.create(key=key, sha256=known.sha256, size=known.size)
    file.seek(0)
    try:
        kept = storage().save(key, File(file))
    except FileNotFoundError:
        raise BlobGone from None
    if kept != key:
        raise RuntimeError("The storage of artifacts does not keep the names it is given.")
    return key


def keep(data: bytes) -> Digest:
    """Store few bytes within the present transaction, without waiting for the storage; `collect` takes them there."""
    known = digest(data)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [_key(known.sha256), known.sha256, known.size, data])
    return known


def opened(sha256: str) -> IO[bytes]:
    """The bytes, to be read and closed. Raises BlobGone."""
    blob = Blob.objects.filter(sha256=sha256, stored_at__isnull=False).first()
    if blob is None:
        raise BlobGone
    if blob.data is not None:
        return BytesIO(bytes(blob.data))
    try:
        found: Any = storage().open(blob.key)
    except FileNotFoundError:
        raise BlobGone from None
    opened_file: IO[bytes] = found
    return opened_file


def remove(key: str) -> None:
    """The file first: a row without a file is found again, a file without a row is not."""
    storage().delete(key)
    Blob.objects.filter(key=key).delete()


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256}/{uuid7().hex}"
