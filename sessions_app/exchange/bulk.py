"""An archive of all of a user's sessions: asked for over REST, made by a worker, kept for a while. A worker that dies
is followed by another, which begins again.

The file lies in the storage of artifacts, under a key that follows from the row: there is no file that no row leads to.
"""

import tempfile
from datetime import timedelta
from typing import IO
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from bus.exceptions import NotFound
from bus.messages import Actor, Context, uuid7
from bus.work import kinds, lease, queue
from bus.work.lease import Lease
from sessions_app.artifacts import blobs
from sessions_app.exchange import packing
from sessions_app.exchange.spoiling import OPEN
from sessions_app.models import Export

KIND, TASK = "export", "sessions_app.export"
AT_ONCE = 2
"""Archives that one worker process makes at a time."""


def begin(actor: Actor) -> Export:
    """The user's new archive, queued; or the one that is not finished yet."""
    owner = int(actor.id)
    try:
        with transaction.atomic():
            export = Export.objects.create(id=uuid7(), user_id=owner, total=len(packing.sessions_of(owner)))
            queue.add(KIND, export.id, KIND, Context(actor=actor))
    except IntegrityError:  # one at a time
        return exports_of(actor).filter(state__in=OPEN).first() or begin(actor)
    return export_of(actor, export.id)


def exports_of(actor: Actor) -> QuerySet[Export]:
    """The user's archives, newest first."""
    mine = Export.objects.filter(user_id=int(actor.id)) if actor.type == "user" else Export.objects.none()
    return mine.order_by("-id")


def export_of(actor: Actor, export_id: UUID) -> Export:
    """One of them. Raises NotFound."""
    export = exports_of(actor).filter(id=export_id).first()
    if export is None:
        raise NotFound(f"Export not found with ID: {export_id}")
    return export


def opened(export: Export) -> IO[bytes]:
    """The archive, to be read and closed. Raises NotFound where it is not ready, or is no more."""
    if export.state != Export.State.READY:
        raise NotFound(f"The export {export.id} is not ready.")
    try:
        file: IO[bytes] = blobs.storage().open(_key(export.id, export.fence))
    except FileNotFoundError:
        raise NotFound(f"The export {export.id} is no more.") from None
    return file


def remove(export: Export) -> None:
    """The files first: a row without files is found again. One that is being made is stopped at its next session."""
    for fence in range(1, export.fence + 1):
        blobs.storage().delete(_key(export.id, fence))
    with transaction.atomic():
        queue.drop(export.id)
        Export.objects.filter(id=export.id).delete()


def prune(most: int = 10) -> bool:
    """Remove those whose time is over; whether there may be more."""
    old = list(Export.objects.filter(Q(expires_at__lt=Now())).order_by("expires_at")[:most])
    for export in old:
        remove(export)
    return len(old) == most


def run(held: Lease) -> None:
    """Make it."""
    if not _step(held, state=Export.State.RUNNING, fence=held.fence, done=0):
        _stopped(held)
        return
    export = Export.objects.get(id=held.id)
    sessions = packing.sessions_of(export.user_id)
    key = _key(held.id, held.fence)
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
        for done in packing.pack(out, sessions):
            if not _step(held, done=done, total=len(sessions)):
                _stopped(held)
                return
        size = out.tell()
        out.seek(0)
        if blobs.storage().save(key, File(out)) != key:
            raise RuntimeError("The storage of artifacts does not keep the names it is given.")
    expires = Now() + timedelta(days=settings.EXPORT_DAYS)
    with transaction.atomic():
        lease.hold(held)
        mine = Export.objects.filter(id=held.id, state__in=OPEN)
        kept = mine.update(state=Export.State.READY, bytes=size, finished_at=Now(), expires_at=expires)
        lease.finish(held, "done")
    if not kept:  # removed, or one of its sessions erased, in this very moment
        blobs.storage().delete(key)


def parked(held: Lease, detail: str) -> None:
    """It was tried often enough. The row says so, for as long as an archive would be kept."""
    expires = Now() + timedelta(days=settings.EXPORT_DAYS)
    mine = Export.objects.filter(id=held.id, state__in=OPEN)
    mine.update(state=Export.State.FAILED, error=detail[:2000], finished_at=Now(), expires_at=expires)


def _step(held: Lease, **changes: object) -> bool:
    """How far it has come; False where nobody wants it any more. Raises LeaseLost."""
    with transaction.atomic():
        lease.hold(held)
        return bool(Export.objects.filter(id=held.id, state__in=OPEN).update(**changes))


def _stopped(held: Lease) -> None:
    with transaction.atomic():
        lease.finish(held, "cancelled")


def _key(export_id: UUID, fence: int) -> str:
    return f"exports/{export_id}-{fence}.zip"


kinds.register(kinds.Kind(name=KIND, task=TASK, run=run, parked=parked, refused=parked, room=lambda: AT_ONCE))
