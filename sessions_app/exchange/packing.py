"""Writes the archive of a user's sessions into a file, session by session. Called by `bulk`.

Whatever it makes, `archives` reads: what would become very small is not packed at all."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

from django.conf import settings

from bus.log import store
from sessions_app.artifacts import blobs
from sessions_app.exchange import exporting
from sessions_app.exchange.archives import IN_MEMORY, MOST_RATIO
from sessions_app.exchange.bundle import MANIFEST, Bundle, Packed, PackedBytes
from sessions_app.exchange.form import encode
from sessions_app.models import Session

_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The same for all: an archive of the same sessions is the same."""


def sessions_of(user_id: int) -> list[UUID]:
    """What it is to hold."""
    return list(Session.objects.filter(owner_id=user_id).order_by("id").values_list("id", flat=True))


def pack(out: IO[bytes], sessions: list[UUID]) -> Iterator[int]:
    """How many sessions are in it, after each. One that is removed meanwhile is left out."""
    packed: list[Packed] = []
    bytes_of: dict[str, PackedBytes] = {}
    with zipfile.ZipFile(out, "w") as archive:
        for done, session_id in enumerate(sessions, start=1):
            version = store.version(session_id)
            if version is not None and Session.objects.filter(id=session_id).exists():
                packed.append(_session(archive, session_id, version, bytes_of))
            yield done
        bundle = Bundle(sessions=packed, artifacts=list(bytes_of.values()))
        archive.writestr(_entry(MANIFEST, zipfile.ZIP_DEFLATED), encode(bundle))


def _session(archive: zipfile.ZipFile, session_id: UUID, version: int, bytes_of: dict[str, PackedBytes]) -> Packed:
    manifest = exporting.manifest_of(session_id, version)
    with _scratch() as file:
        for piece in exporting.as_json(session_id, manifest):
            file.write(piece)
        known = blobs.digest(file)
        packed = Packed(id=session_id, size=known.size, sha256=known.sha256)
        _put(archive, _entry(packed.file, _method(file, known.size)), file)
    for kept in manifest.artifacts:
        if kept.sha256 not in bytes_of:
            bytes_of[kept.sha256] = one = PackedBytes(sha256=kept.sha256, size=kept.size)
            with blobs.opened(kept.sha256) as content:
                _put(archive, _entry(one.file, zipfile.ZIP_STORED), content)
    return packed


def _scratch() -> Any:
    return tempfile.SpooledTemporaryFile(IN_MEMORY, dir=settings.FILE_UPLOAD_TEMP_DIR)


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _MOMENT)
    entry.compress_type = method
    return entry


def _put(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: IO[bytes]) -> None:
    with archive.open(entry, "w", force_zip64=True) as inside:
        for piece in blobs.pieces(file):
            inside.write(piece)


def _method(file: IO[bytes], size: int) -> int:
    if size <= IN_MEMORY:
        return zipfile.ZIP_DEFLATED
    press, packed = zlib.compressobj(wbits=-15), 0
    for piece in blobs.pieces(file):
        packed += len(press.compress(piece))
    packed += len(press.flush())
    return zipfile.ZIP_DEFLATED if size < packed * MOST_RATIO // 2 else zipfile.ZIP_STORED
