"""Answers that are an artifact's bytes: whole, or a range of them, streamed without a database connection.

Nothing here is ever a page of ours: everything is a download, but for a few kinds of images, and those that are asked
for in place get no rights either."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import IO, Any, NamedTuple

from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from rest_framework.request import Request

from sessions_app.api.caching import matches
from sessions_app.artifacts import blobs
from sessions_app.artifacts.media import RASTER, is_text
from sessions_app.models import Artifact

PIECE = 65_536
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


class Span(NamedTuple):
    """So many bytes from here."""

    start: int
    length: int


class Streamed(StreamingHttpResponse):
    """A part of a file, a little at a time; on ASGI by threads, so that no loop waits for a disk or a network."""

    def __init__(self, file: IO[bytes], span: Span, **how: Any) -> None:
        super().__init__(self._pieces(), **how)
        self._resource_closers.append(file.close)  # type: ignore[attr-defined]  # also where nothing was read
        self._file = file
        self._span = span

    def _pieces(self) -> Iterator[bytes]:
        with closing(self._file) as file:
            file.seek(self._span.start)
            left = self._span.length
            while left and (piece := file.read(min(left, PIECE))):
                left -= len(piece)
                yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._pieces()
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece


def download(request: Request, artifact: Artifact) -> HttpResponseBase:
    """The bytes; 304, 206 and 416 as the request's headers want it. Raises BlobGone."""
    tag = f'"{artifact.sha256}"'
    if matches(request.headers.get("If-None-Match", ""), tag):
        return _harden(HttpResponse(status=304), tag)
    partial = _ranged(request, tag)
    span = _span(request.headers["Range"], artifact.size) if partial else Span(0, artifact.size)
    if span is None:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{artifact.size}"
        return _harden(refused, tag)
    response = _body(request, artifact, span)
    response["Content-Length"] = str(span.length)
    response["Content-Type"] = _content_type(artifact.content_type)
    response["Content-Disposition"] = _disposition(request, artifact)
    if partial:
        response.status_code = 206
        response["Content-Range"] = f"bytes {span.start}-{span.start + span.length - 1}/{artifact.size}"
    return _harden(response, tag)


def _body(request: Request, artifact: Artifact, span: Span) -> HttpResponseBase:
    if request.method == "HEAD":
        return HttpResponse()
    file = blobs.opened(artifact.sha256)
    if not connection.in_atomic_block:
        connection.close()  # a download may take long, and needs it no more
    return Streamed(file, span)


def _harden(response: HttpResponseBase, tag: str) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    return guarded(response, tag)


def guarded(response: HttpResponseBase, tag: str) -> HttpResponseBase:
    """An answer that is somebody's file: kept by nobody else, and without rights wherever it is opened."""
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _content_type(stored: str) -> str:
    return f"{stored}; charset=utf-8" if is_text(stored) else stored


def _disposition(request: Request, artifact: Artifact) -> str:
    shown = "inline" in request.query_params and artifact.content_type in RASTER
    header = content_disposition_header(not shown, artifact.name)
    return header or "inline"


def _ranged(request: Request, tag: str) -> bool:
    """Whether a part is wanted. What is no single range of bytes, or is of what has changed (If-Range), wants the whole
    (RFC 9110, 14.2)."""
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or found.groups() == ("", ""):
        return False
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return False
    return bool(request.headers.get("If-Range", tag) == tag)


def _span(header: str, size: int) -> Span | None:
    """The part; None: one that is not there."""
    found = _RANGE.fullmatch(header)
    assert found is not None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return Span(size - length, length) if length else None
    start = int(first)
    end = min(int(last) if last else size - 1, size - 1)
    return Span(start, end - start + 1) if start < size else None
