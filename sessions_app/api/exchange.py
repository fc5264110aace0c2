"""REST for sessions as files."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal
from uuid import UUID

from django.http.response import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from bus.exceptions import Invalid
from sessions_app import queries
from sessions_app.api.authentication import actor_of
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import FILE
from sessions_app.api.downloads import guarded
from sessions_app.api.views import Resource
from sessions_app.exchange import exporting


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
