"""The settings of artifacts: how large, how many, where their bytes lie, how they are uploaded. Part of `settings`."""

from pathlib import Path
from typing import Any

import msgspec
from django.core.exceptions import ImproperlyConfigured

from config import env

_FILES = "django.core.files.storage.FileSystemStorage"
_MOST = 2**53

ARTIFACT_MAX_BYTES = env.number("ARTIFACT_MAX_BYTES", 50 * 2**20, "largest artifact, in bytes", least=1024)
ARTIFACT_SESSION_BYTES = env.number(
    "ARTIFACT_SESSION_BYTES", 2**30, "bytes of all artifacts of one session", least=1024, most=_MOST
)
ARTIFACT_USER_BYTES = env.number(
    "ARTIFACT_USER_BYTES", 10 * 2**30, "bytes of all artifacts of one user", least=1024, most=_MOST
)
ARTIFACT_GRACE = env.seconds("ARTIFACT_GRACE", 3600.0, "bytes nobody refers to are kept for so long", least=60.0)
ARTIFACT_INLINE_BYTES = env.number(
    "ARTIFACT_INLINE_BYTES", 10 * 2**20, "bytes of images in one request to a model; older ones are left out", least=0
)
MAX_CONCURRENT_UPLOADS = env.number(
    "MAX_CONCURRENT_UPLOADS", 16, "uploads over BODY_LIMIT one process takes at a time, before 503 (ASGI)", least=1
)
UPLOADS_PER_USER = env.number("UPLOADS_PER_USER", 4, "of these, how many of one user", least=1)
UPLOAD_TIMEOUT = env.seconds("UPLOAD_TIMEOUT", 300.0, "longest time an upload may take to arrive", least=0.1)
SEND_TIMEOUT = env.seconds(
    "SEND_TIMEOUT", 60.0, "longest wait for a client to take the next piece of a download", least=0.1
)
SLOWEST_DOWNLOAD = env.number(
    "SLOWEST_DOWNLOAD", 8192, "bytes per second a client must take of a download, over a minute", least=0
)
DOWNLOADS_PER_USER = env.number(
    "DOWNLOADS_PER_USER", 32, "downloads of one user one process sends at a time, before 503 (ASGI)", least=1
)
_STORAGE = env.text("ARTIFACT_STORAGE", _FILES, "the class of a Django storage for the bytes of artifacts")
_OPTIONS = env.text(
    "ARTIFACT_STORAGE_OPTIONS", "", "its options, as a JSON object; unset: files under var/artifacts", shown=""
)


def storages(folder: Path) -> dict[str, Any]:
    """STORAGES: the artifacts in a storage of their own, by default files in `folder` that nobody serves."""
    files = {"location": str(folder), "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
    return {
        "default": {"BACKEND": _FILES},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "artifacts": {"BACKEND": _STORAGE, "OPTIONS": _options() or (files if _STORAGE == _FILES else {})},
    }


def _options() -> dict[str, Any]:
    try:
        return msgspec.json.decode(_OPTIONS, type=dict[str, Any]) if _OPTIONS else {}
    except msgspec.DecodeError:
        raise ImproperlyConfigured("ARTIFACT_STORAGE_OPTIONS is no JSON object.") from None
