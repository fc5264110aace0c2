"""How people sort their sessions: `pinned`, `folder` and `tags` of a session's metadata. Anybody may have written
anything there, so it is read with care: what is no label is none."""

from collections.abc import Mapping
from typing import Any, NamedTuple

LONGEST = 50
"""Characters of a label."""
MOST_TAGS = 20


class Labels(NamedTuple):
    """Those of one session."""

    pinned: bool
    folder: str | None
    tags: list[str]


def labels_of(metadata: Mapping[str, Any]) -> Labels:
    """What the metadata say, as far as it is labels."""
    folder, tags = metadata.get("folder"), metadata.get("tags")
    known = [tag for tag in tags if _is_label(tag)] if isinstance(tags, list) else []
    return Labels(
        pinned=metadata.get("pinned") is True,
        folder=folder if _is_label(folder) else None,
        tags=list(dict.fromkeys(known))[:MOST_TAGS],
    )


def _is_label(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST
