"""Whether content is what its type says. Types we know by their first bytes must begin so, and nothing else may; text
must be text; what we know nothing of is taken at its word, and never shown in place. Called by `store`."""

import codecs
from typing import IO

import msgspec

from bus.exceptions import Invalid
from sessions_app.artifacts import raster
from sessions_app.artifacts.blobs import pieces
from sessions_app.artifacts.media import RASTER, is_json, is_text

UNKNOWN = "application/octet-stream"
JSON_READ = 1_048_576
"""JSON of at most so many bytes is read whole; of longer one we only know that it is text."""
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b\x08": "application/gzip",
}
_CONTAINERS = frozenset({"application/zip", "application/gzip"})
"""Other formats are made of these: documents, packages."""
KNOWN = RASTER | frozenset(_BEGINNINGS.values())


class ContentMismatch(Invalid):
    """The content is not what its content type says."""

    code = "content-mismatch"


def check(content_type: str, file: IO[bytes]) -> None:
    """Raises ContentMismatch."""
    file.seek(0)
    head = file.read(512)
    found = kind_of(head)
    if content_type == UNKNOWN:
        return
    if content_type in KNOWN:
        fits = found == content_type and (content_type not in RASTER or raster.whole(content_type, file))
    elif is_text(content_type):
        fits = found is None and _is_text(file) and (not is_json(content_type) or _is_json(file))
    else:
        fits = (found is None or found in _CONTAINERS) and not _is_markup(head)
    if not fits:
        raise ContentMismatch(f"The content is not {content_type}, or not only that.")


def kind_of(head: bytes) -> str | None:
    """The type that content begins like."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS.items() if head.startswith(beginning)), None)


def _is_text(file: IO[bytes]) -> bool:
    """UTF-8 without NUL."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(file):
            if b"\x00" in piece:
                return False
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_json(file: IO[bytes]) -> bool:
    if file.seek(0, 2) > JSON_READ:
        return True
    file.seek(0)
    try:
        msgspec.json.decode(file.read(), type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _is_markup(head: bytes) -> bool:
    """A page or a drawing that says it is a sound, say."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
