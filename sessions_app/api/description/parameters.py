"""Parameters and bodies that several addresses take."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from sessions_app.api.description.operations import Parameter

Version = Annotated[int, Meta(ge=0, le=10**18 - 1)]

CONVERSATION = Parameter("conversation", UUID, "only of this conversation; by default `main`")
LIMIT = Parameter("limit", Annotated[int, Meta(ge=1, le=100)], "rows of a page; 20")

AFTER = Parameter("after", Version, "the last version that is known")
POSITION = Parameter("after", Version, "the last position that is known")
TYPES = Parameter("types", str, "topics, separated by commas: `message-*,run-*`")

BYTES = {"type": "string", "format": "binary"}
FILE: dict[str, str] = {}
"""Bytes of any kind, also JSON: nothing can be said of them."""
EVENT_STREAM = {
    "type": "string",
    "description": "`id`: the version, `event`: its type, `data`: an Event; and the notices.",
}
UPLOAD = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": BYTES,
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "metadata": {"type": "string", "description": "JSON"},
        "artifact_id": {"type": "string", "format": "uuid"},
    },
}
