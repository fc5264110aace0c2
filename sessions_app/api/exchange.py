"""REST for sessions as files."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import IO, Any, Literal
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http.response import HttpResponseBase, StreamingHttpResponse
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from bus import untrusted
from bus.exceptions import Invalid
from bus.log import idempotency
from bus.messages import Context
from sessions_app import queries
from sessions_app.api import shapes
from sessions_app.api.artifacts import FORM, Untouched, spooled
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import BYTES, FILE
from sessions_app.api.downloads import Span, Streamed, guarded
from sessions_app.api.paging import keyset, listed
from sessions_app.api.views import Resource, body_of, flag
from sessions_app.exchange import bulk, exporting, intake
from sessions_app.exchange.exporting import give_back
from sessions_app.exchange.importing import How
from sessions_app.represent import export_as_dict

PIECE = 65_536
UPLOADED = {"type": "object", "required": ["file"], "additionalProperties": False, "properties": {"file": BYTES}}
LINES = frozenset({"application/x-ndjson", "application/jsonl"})
FILES = LINES | {"application/json", "application/zip"}


class Written(StreamingHttpResponse):
    """A file that is written while it is read; on ASGI by threads, so that no loop waits for the database."""

    def __init__(self, pieces: Iterator[bytes], **how: Any) -> None:
        super().__init__(pieces, **how)
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(next, self._pieces, b""):
            yield piece


class ExportView(Resource):
    """`sessions/{id}/export/`"""

    @describes(
        "export_session",
        media={"*/*": FILE},
        query=(Parameter("format", Literal["json", "jsonl", "markdown"], "the log, also line by line; or for people"),),
    )
    def get(self, request: Request, session_id: UUID) -> HttpResponseBase:
        """The session as a file: `format=json` (the whole log), `jsonl` (the same, line by line), `markdown` (for
        people)."""
        session = queries.session_of(actor_of(request), session_id)
        wanted = request.query_params.get("format", "json")
        if wanted not in exporting.WRITERS:
            raise Invalid(f"'format' must be {', '.join(exporting.WRITERS)}.")
        write, content_type, ending = exporting.WRITERS[wanted]
        manifest = exporting.manifest_of(session.id, session.version)  # type: ignore[attr-defined]
        response = Written(exporting.gathered(write(session.id, manifest)), content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="session-{session.id}.{ending}"'
        return guarded(response, f'"{manifest.sha256}"')

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` is ours, and it is what it is, whatever one would accept."""
        return super().perform_content_negotiation(request, force=True)


class ExportsView(Resource):
    """`exports/`"""

    @describes("list_exports", gives=shapes.Page[shapes.Export], paged=True)
    def get(self, request: Request) -> Response:
        """The caller's archives, newest first."""
        page, cursor = keyset(request, bulk.exports_of(actor_of(request)), ("-id",), (UUID,))
        return listed(request, page, cursor, export_as_dict)

    @describes("begin_export", status=202, gives=shapes.Export, body=shapes.Nothing, etag=False, example={})
    def post(self, request: Request) -> Response:
        """Have an archive made of all of the caller's sessions, unless one is on its way."""
        context = context_of(request)
        untrusted.convert(body_of(request), shapes.Nothing)
        shown = _begun_once(context)
        response = Response(shown, status=202)
        response["Location"] = request.build_absolute_uri(f"{request.path}{shown['id']}/")
        return response


def _begun_once(context: Context) -> dict[str, Any]:
    """The archive as it was begun: a repeated Idempotency-Key begins no other."""
    if context.idempotency_key is None:
        return export_as_dict(bulk.begin(context.actor))
    with transaction.atomic():
        first = idempotency.claim_for(hashlib.sha256(b"begin-export").digest(), context)
        if first is not None:
            return dict(first["data"])
        shown = export_as_dict(bulk.begin(context.actor))
        idempotency.keep(shown, None, context)
    return shown


class ExportJobView(Resource):
    """`exports/{id}/`"""

    @describes("get_export", gives=shapes.Export)
    def get(self, request: Request, export_id: UUID) -> Response:
        """How far it is."""
        return Response(export_as_dict(bulk.export_of(actor_of(request), export_id)))

    @describes("delete_export", status=204)
    def delete(self, request: Request, export_id: UUID) -> Response:
        """Remove it, or stop making it."""
        bulk.remove(bulk.export_of(actor_of(request), export_id))
        return Response(status=204)


class ExportContentView(Resource):
    """`exports/{id}/content/`"""

    @describes("download_export", media={"application/zip": FILE})
    def get(self, request: Request, export_id: UUID) -> HttpResponseBase:
        """The archive, a ZIP file."""
        export = bulk.export_of(actor_of(request), export_id)
        size = export.bytes or 0
        file = bulk.opened(export)
        give_back()
        response = Streamed(file, Span(0, size), content_type="application/zip")
        response["Content-Length"] = str(size)
        response["Content-Disposition"] = f'attachment; filename="export-{export.id}.zip"'
        return guarded(response, f'"{export.id}"')

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """It is what it is, whatever one would accept."""
        return super().perform_content_negotiation(request, force=True)


class ImportView(Resource):
    """`sessions/import/`"""

    parser_classes = (MultiPartParser,)

    def get_parsers(self) -> list[BaseParser]:
        """A body that is the file itself is not looked into here, but piece by piece by those who know it."""
        return super().get_parsers() if _is_form(self.request) else [Untouched()]

    @describes(
        "import_sessions",
        gives=shapes.ImportReport,
        body=dict[str, Any] | list[dict[str, Any]],
        uploads={FORM: UPLOADED, "application/zip": BYTES, "application/x-ndjson": BYTES},
        query=(Parameter("dry_run", bool, "everything is tried and nothing kept"),),
        etag=False,
        located=False,
        codes=("already-exists", "quota-exhausted", "content-mismatch"),
    )
    def post(self, request: Request) -> Response:
        """Make sessions of a file: an export of one session or of all, or of ChatGPT; as the body, or as the field
        `file` of a form. With `dry_run=true` everything is tried and nothing kept."""
        context = context_of(request)
        how = How(bool(flag(request, "dry_run")), settings.IMPORT_SESSION_SECONDS, settings.IMPORT_PATIENCE)
        with closing(_file_of(request)) as file:
            by_line = _is_by_line(request, file)
            if context.idempotency_key is None:
                return Response(intake.bring_in(context.actor, file, how, by_line=by_line).as_dict())
            asked = _fingerprint(file, f"import-sessions {how.dry_run} {by_line}")
            first = idempotency.known(asked, context)
            if first is not None:
                return Response(first["data"])
            report = intake.bring_in(context.actor, file, how, by_line=by_line)
        if report.complete:  # what is not complete is asked for again, to go on
            idempotency.remember(asked, report.as_dict(), context)
        return Response(report.as_dict())


def _fingerprint(file: IO[bytes], asked: str) -> bytes:
    """Of a file, and of what is to be done with it."""
    digest = hashlib.sha256(asked.encode())
    file.seek(0)
    while piece := file.read(PIECE):
        digest.update(piece)
    file.seek(0)
    return digest.digest()


def _is_form(request: Any) -> bool:
    return str(request.META.get("CONTENT_TYPE", "")).lower().startswith(FORM)


def _file_of(request: Request) -> IO[bytes]:
    if not _is_form(request):
        if _kind(request.content_type) not in FILES:
            raise UnsupportedMediaType(request.content_type)
        return spooled(request, settings.UPLOAD_LIMIT)
    form: Any = request.data
    file = form.get("file")
    if not isinstance(file, UploadedFile) or len(form) != 1 or len(form.getlist("file")) != 1:
        raise Invalid("The form has one file, in the field 'file', and nothing else.")
    named: Any = file
    return named  # type: ignore[no-any-return]


def _is_by_line(request: Request, file: Any) -> bool:
    if not _is_form(request):
        return _kind(request.content_type) in LINES
    return str(file.name).endswith(".jsonl") or _kind(file.content_type or "") in LINES


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
