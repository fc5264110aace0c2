"""Puts the bytes of a session's images into the request of a provider, and nowhere else. Called by the engine, after
the request was planned."""

from base64 import b64encode
from contextlib import closing
from uuid import UUID

import msgspec
from django.conf import settings

from bus.database import in_thread
from bus.messages import changed
from sessions_app.artifacts import blobs, mentions
from sessions_app.artifacts.tables import Artifact
from sessions_app.llm.base import ProviderError, Request, Turn
from sessions_app.values import ImagePart, Part, TextPart


async def inlined(session_id: UUID, request: Request) -> Request:
    """The request with its artifacts as data: URLs; a thread reads them. Raises ProviderError."""
    if not any(mentions.named(part) for turn in request.turns for part in turn.content):
        return request
    try:
        return await in_thread(with_bytes, session_id, request)
    except (OSError, blobs.BlobGone) as error:
        detail = "An image cannot be read from the storage of artifacts."
        raise ProviderError(detail, code="unavailable", permanent=False) from error


def with_bytes(session_id: UUID, request: Request) -> Request:
    """The same, here. The newest images go first: beyond ARTIFACT_INLINE_BYTES a note takes an image's place."""
    found = mentions.images(session_id, (part for turn in request.turns for part in turn.content))
    room = settings.ARTIFACT_INLINE_BYTES
    turns: list[Turn] = []
    for turn in reversed(request.turns):
        content: list[Part] = []
        for part in reversed(turn.content):
            artifact_id = mentions.named(part)
            if artifact_id is None or not isinstance(part, ImagePart):
                content.append(part)
                continue
            artifact = found.get(artifact_id)
            fits = artifact is not None and artifact.size <= room
            room -= artifact.size if artifact is not None and fits else 0
            content.append(_shown(part, artifact if fits else None))
        turns.append(msgspec.structs.replace(turn, content=content[::-1]))
    return msgspec.structs.replace(request, turns=tuple(turns[::-1]))


def _shown(part: ImagePart, artifact: Artifact | None) -> Part:
    if artifact is None:
        return TextPart(text=f"[an image that is not sent any more{f': {part.alt_text}' if part.alt_text else ''}]")
    with closing(blobs.opened(artifact.sha256)) as file:
        data = b64encode(file.read()).decode()
    return changed(part, url=f"data:{artifact.content_type};base64,{data}")
