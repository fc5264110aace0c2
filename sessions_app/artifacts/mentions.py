"""Images of messages that are artifacts of their session: `artifact:<id>`. Called by the handlers of messages and runs,
which refuse what names no such image."""

import re
from collections.abc import Iterable
from uuid import UUID

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.artifacts.media import RASTER
from sessions_app.artifacts.tables import Artifact
from sessions_app.values import Content, ImagePart, Part

SCHEME = "artifact:"
LARGEST = 5 * 2**20
"""Bytes of one image: what all providers take."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def named(part: Part) -> UUID | None:
    """The artifact that a part names."""
    if not isinstance(part, ImagePart) or not part.url.startswith(SCHEME) or not _ID.fullmatch(part.url[len(SCHEME) :]):
        return None
    return UUID(part.url[len(SCHEME) :])


def check(session_id: UUID, content: Content) -> None:
    """Every artifact that the content names is an image of this session that models can be shown. Raises NotFound,
    Invalid."""
    for part in content:
        if isinstance(part, ImagePart) and part.url[: len(SCHEME)].lower() == SCHEME and named(part) is None:
            raise Invalid("An image that is an artifact is written artifact:<its id>.")
    for artifact_id in dict.fromkeys(filter(None, map(named, content))):
        artifact = queries.artifact_in(session_id, artifact_id)
        if artifact.content_type not in RASTER:
            raise Invalid(f"The artifact {artifact_id} is no image that a model looks at (PNG, JPEG, GIF or WebP).")
        if artifact.size > LARGEST:
            raise Invalid(
                f"The artifact {artifact_id} has {artifact.size} bytes; of an image at most {LARGEST} are sent."
            )


def images(session_id: UUID, parts: Iterable[Part]) -> dict[UUID, Artifact]:
    """The artifacts that parts name and that are still there."""
    wanted = set(filter(None, map(named, parts)))
    rows = Artifact.objects.filter(
        id__in=wanted, session_id=session_id, deleted_at__isnull=True, content_type__in=RASTER, size__lte=LARGEST
    )
    return {artifact.id: artifact for artifact in rows}
