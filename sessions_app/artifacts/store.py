"""The front door for artifacts, for REST and Python callers: bytes are checked and stored, then a command records them.

What a caller may see or change is decided by the same guard and queries as everywhere."""

from io import BytesIO
from typing import IO, Any
from uuid import UUID

import msgspec
from django.conf import settings

from bus.bus import bus
from bus.exceptions import TooLarge
from bus.messages import Actor, CommandResult, Context
from sessions_app import commands, queries
from sessions_app.artifacts import blobs, media, quota, sniff
from sessions_app.models import Artifact
from sessions_app.values import Metadata

__all__ = ["Upload", "of_session", "read", "record", "store"]


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and as what it is to be kept."""

    file: IO[bytes]
    name: str
    content_type: str
    metadata: Metadata = {}
    artifact_id: UUID | None = None


def store(
    actor: Actor,
    session_id: UUID,
    name: str,
    data: Any,
    *,
    content_type: str = "",
    metadata: Metadata | None = None,
) -> Artifact:
    """The next version of that name. Bytes are kept as they are (`application/octet-stream` unless said otherwise), a
    text with a text's content type as UTF-8, everything else as JSON. Raises what the command is refused with."""
    context = Context(actor=actor)
    if isinstance(data, bytes):
        upload = Upload(
            file=BytesIO(data), name=name, content_type=content_type or sniff.UNKNOWN, metadata=metadata or {}
        )
        result = record(context, session_id, upload)
    else:
        given: dict[str, Any] = {"session_id": session_id, "name": name, "data": data, "metadata": metadata or {}}
        command = bus.registry.command(
            "store-artifact", given | ({"content_type": content_type} if content_type else {})
        )
        result = bus.execute(command, context)
    return queries.artifact_of(actor, UUID(str(result.data["id"])))


def record(context: Context, session_id: UUID, upload: Upload) -> CommandResult:
    """Check and store the file's bytes, then record them as an artifact. Not to be called in a transaction: it waits
    for the storage. Raises NotFound and Forbidden before anything is read, TooLarge, Invalid, QuotaExhausted."""
    queries.check_allowed(context.actor, session_id)
    session = queries.session_of(context.actor, session_id)
    known = blobs.digest(upload.file)
    content_type = media.type_of(upload.content_type)
    if known.size > settings.ARTIFACT_MAX_BYTES:
        raise TooLarge(f"An artifact may have at most {settings.ARTIFACT_MAX_BYTES} bytes.")
    media.name_of(upload.name)
    sniff.check(content_type, upload.file)
    quota.check(session.id, session.owner_id, known.size)  # again, exactly, by the command
    command = commands.RecordArtifact(
        session_id=session_id,
        name=upload.name,
        content_type=content_type,
        sha256=known.sha256,
        size=known.size,
        metadata=upload.metadata,
        artifact_id=upload.artifact_id,
    )
    blobs.put(upload.file, known)
    try:
        return bus.execute(command, context)
    except blobs.BlobGone:  # collected in this very moment: now nobody thinks it old
        blobs.put(upload.file, known)
        return bus.execute(command, context)


def read(actor: Actor, artifact_id: UUID) -> bytes:
    """An artifact's bytes, at most ARTIFACT_MAX_BYTES. Raises NotFound."""
    artifact = queries.artifact_of(actor, artifact_id)
    with blobs.opened(artifact.sha256) as file:
        return file.read()


def of_session(actor: Actor, session_id: UUID, name: str | None = None) -> list[Artifact]:
    """The artifacts of a session, newest first; of a name its versions. Raises NotFound."""
    return list(queries.artifacts_in(queries.session_of(actor, session_id).id, name))
