"""Ways to bring a file in over REST, for the tests of artifacts."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from tests.api.caller import ROOT, Caller

TEXT = b"0123456789"


def form(
    api: Caller, session: str, content: bytes = TEXT, kind: str = "text/plain", file_name: str = "a.txt", **more: Any
) -> Any:
    """Upload as a browser does."""
    headers = {key.replace("_", "-"): more.pop(key) for key in list(more) if key == "idempotency_key"}
    file = SimpleUploadedFile(file_name, content, kind)
    return api.client.post(f"{ROOT}sessions/{session}/artifacts/", {"file": file, **more}, headers=headers)


def plain(
    api: Caller, session: str, content: bytes = TEXT, kind: str = "text/plain", query: str = "name=a.txt", **more: str
) -> Any:
    """Upload as curl does."""
    return api.post(f"sessions/{session}/artifacts/?{query}", content, content_type=kind, **more)


def content(answer: Any) -> bytes:
    """What was downloaded."""
    whole: bytes = answer.whole
    return whole
