"""Decides about artifacts: names, versions, quotas. Under the session's lock: no version has a gap or a twin."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import Max

from bus.exceptions import AlreadyExists, Invalid, TooLarge
from bus.messages import Context, Event, uuid7
from bus.registry import handles
from sessions_app import commands, events, queries
from sessions_app.artifacts import blobs, media, quota
from sessions_app.models import Artifact, Session


@handles(commands.StoreArtifact)
def store_artifact(command: commands.StoreArtifact, context: Context) -> Any:
    """The bytes go with the transaction, into the database: nothing is left over when it fails, and it waits for no
    storage. That they are there is no decision and no projection, so it may be done here."""
    content_type = media.type_of(command.content_type)
    data = _encoded(command.data, content_type)
    event = _stored(command, content_type, blobs.digest(data))
    blobs.keep(data)
    yield event
    return _answer(event)


@handles(commands.RecordArtifact)
def record_artifact(command: commands.RecordArtifact, context: Context) -> Any:
    """The bytes are there already; a reaction sees to it that they stay."""
    event = _stored(command, media.type_of(command.content_type), blobs.Digest(command.sha256, command.size))
    yield event
    return _answer(event)


@handles(commands.DeleteArtifact)
def delete_artifact(command: commands.DeleteArtifact, context: Context) -> Iterator[Event]:
    """Once. From now on the bytes stay for the grace, whenever they came."""
    artifact = queries.artifact_in(command.session_id, command.artifact_id)
    blobs.hold(artifact.sha256)
    yield events.ArtifactDeleted(artifact_id=artifact.id)


def _encoded(data: Any, content_type: str) -> bytes:
    if media.is_json(content_type):
        return msgspec.json.encode(data)
    if isinstance(data, str) and media.is_text(content_type):
        return data.encode()
    raise Invalid(f"As {content_type} give a text; what is no text is uploaded.")


def _stored(
    command: commands.StoreArtifact | commands.RecordArtifact, content_type: str, known: blobs.Digest
) -> events.ArtifactStored:
    """The next version of the name. Raises Invalid, AlreadyExists, TooLarge, QuotaExhausted."""
    name = media.name_of(command.name)
    artifact_id = command.artifact_id or uuid7()
    if command.artifact_id and Artifact.objects.filter(id=artifact_id).exists():
        raise AlreadyExists(f"Artifact already exists with ID: {artifact_id}")
    if known.size > settings.ARTIFACT_MAX_BYTES:
        raise TooLarge(f"An artifact may have at most {settings.ARTIFACT_MAX_BYTES} bytes.")
    owner = Session.objects.values_list("owner_id", flat=True).get(id=command.session_id)
    quota.lock(owner)
    quota.check(command.session_id, owner, known.size)
    same = Artifact.objects.filter(session_id=command.session_id, name=name)
    latest: int | None = same.aggregate(latest=Max("version"))["latest"]
    return events.ArtifactStored(
        artifact_id=artifact_id,
        name=name,
        version=(latest or 0) + 1,
        content_type=content_type,
        size=known.size,
        sha256=known.sha256,
        metadata=command.metadata,
    )


def _answer(event: events.ArtifactStored) -> dict[str, Any]:
    return {"id": event.artifact_id, "name": event.name, "version": event.version}
