"""REST for artifacts: JSON is a command, files come as a form or as they are; downloads are in `downloads`."""

import tempfile
from contextlib import closing
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from bus import untrusted
from bus.exceptions import Invalid, TooLarge
from bus.messages import CommandResult
from sessions_app import queries
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.conditions import context_of, execute, expected_version_in, in_session, tagged
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.description.parameters import BYTES, FILE, UPLOAD
from sessions_app.api.downloads import download
from sessions_app.api.paging import keyset, listed
from sessions_app.api.parsers import HardenedJSONParser
from sessions_app.api.views import Resource, body_of, command_from, storable
from sessions_app.artifacts import store
from sessions_app.artifacts.sniff import UNKNOWN
from sessions_app.commands.artifacts import ArtifactName, ContentType
from sessions_app.represent import artifact_as_dict
from sessions_app.values import Metadata, Value

PIECE = 65_536
IN_MEMORY = 1_048_576
FORM = "multipart/form-data"


class Untouched(BaseParser):
    """Leaves a body of any type where it is."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Nothing."""
        return {}


class _Said(Value):
    """What is said of an uploaded file."""

    name: ArtifactName
    content_type: ContentType
    metadata: Metadata = {}
    artifact_id: UUID | None = None


class ArtifactsView(Resource):
    """`sessions/{id}/artifacts/`"""

    noun = "artifacts"

    parser_classes = (HardenedJSONParser, MultiPartParser)

    def get_parsers(self) -> list[BaseParser]:
        """A body that is the file itself is not looked into, whatever its type; DRF does so early, to look for a CSRF
        token."""
        return [Untouched()] if _is_file(self.request) else super().get_parsers()

    @describes(
        "list_artifacts",
        gives=shapes.Page[shapes.Artifact],
        paged=True,
        query=(Parameter("name", str, "the versions of this name"),),
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        """The session's artifacts, newest first; with `name` its versions."""
        session = queries.session_of(actor_of(request), session_id)
        name = request.query_params.get("name")
        rows = queries.artifacts_in(session.id, None if name is None else storable(name))
        page, cursor = keyset(request, rows, ("-position",), (int,))
        return listed(request, page, cursor, artifact_as_dict)

    @describes(
        "store_artifact",
        status=201,
        gives=shapes.Artifact,
        command=("store-artifact",),
        versioned=True,
        uploads={FORM: UPLOAD, "*/*": BYTES},
        query=(
            Parameter("name", str, "where the body is the file itself: its name"),
            Parameter("metadata", str, "likewise: JSON"),
            Parameter("artifact_id", UUID, "likewise: its id, if wanted"),
        ),
        example={"name": "plan.json", "data": {"steps": 3}},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        """Keep JSON or a text (`{name, data, content_type?, metadata?}`), or a file: as the field `file` of a form, or
        as the body itself where the address says `?name=`."""
        queries.check_allowed(actor_of(request), session_id)  # nothing is read for what may not be kept
        if _is_file(request):
            result = self._from_body(request, session_id)
        elif request.content_type.lower().startswith(FORM):
            result = self._from_form(request, session_id)
        else:
            body = body_of(request)
            expected = expected_version_in(body)
            command = command_from("store-artifact", body, session_id=str(session_id))
            result = execute(command, context_of(request, expected))
        return self._stored(request, result)

    def _from_form(self, request: Request, session_id: UUID) -> CommandResult:
        form: Any = request.data  # a QueryDict, whose files DRF puts among the fields
        if set(form) - {"file", "name", "metadata", "artifact_id"}:
            raise Invalid("The form has the fields file, and if wanted name, metadata (JSON), artifact_id.")
        file = form.get("file")
        if not isinstance(file, UploadedFile) or any(len(form.getlist(field)) != 1 for field in form):
            raise Invalid("The form has one file, in the field 'file', and no field twice.")
        fields = {field: form[field] for field in form if field != "file"}
        if not all(isinstance(value, str) for value in fields.values()):
            raise Invalid("Only the field 'file' is a file.")
        fields.setdefault("name", file.name or "")
        return self._record(request, session_id, file, {"content_type": file.content_type or UNKNOWN, **fields})

    def _from_body(self, request: Request, session_id: UUID) -> CommandResult:
        given = request.query_params
        if set(given) - {"name", "metadata", "artifact_id"} or any(len(given.getlist(name)) != 1 for name in given):
            raise Invalid("The address says name, and if wanted metadata (JSON) and artifact_id, each once.")
        with closing(spooled(request, settings.ARTIFACT_MAX_BYTES)) as file:
            said = {"content_type": request.content_type or UNKNOWN, **given.dict()}
            return self._record(request, session_id, file, said)

    def _record(self, request: Request, session_id: UUID, file: Any, said: dict[str, str]) -> CommandResult:
        given: dict[str, Any] = dict(said)
        if "metadata" in given:
            given["metadata"] = untrusted.decode(given["metadata"].encode(), limit=settings.BODY_LIMIT)
        untrusted.check(given)
        checked = untrusted.convert(given, _Said)
        upload = store.Upload(
            file=file,
            name=checked.name,
            content_type=checked.content_type,
            metadata=checked.metadata,
            artifact_id=checked.artifact_id,
        )
        return store.record(context_of(request), session_id, upload)

    def _stored(self, request: Request, result: CommandResult) -> Response:
        artifact = queries.artifact_of(actor_of(request), UUID(str(result.data["id"])))
        response = tagged(Response(artifact_as_dict(artifact), status=201), result.version)
        response["Location"] = request.build_absolute_uri(f"/api/v1/artifacts/{artifact.id}/")
        return response


def _is_file(request: HttpRequest | Request) -> bool:
    """Whether the body itself is the file: the address names it, and it is no form."""
    kind = request.META.get("CONTENT_TYPE", "")
    return request.method == "POST" and "name" in request.GET and not kind.lower().startswith(FORM)


def spooled(request: Request, limit: int) -> IO[bytes]:
    """The body in a file, in memory only while it is small. Raises TooLarge for one over `limit` bytes."""
    file: Any = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
    size = 0
    while piece := request._request.read(PIECE):
        size += len(piece)
        if size > limit:
            file.close()
            raise TooLarge(f"The body may have at most {limit} bytes.")
        file.write(piece)
    body: IO[bytes] = file
    return body


class ArtifactView(Resource):
    """`artifacts/{id}/`"""

    noun = "artifacts"

    @describes("get_artifact", gives=shapes.Artifact)
    def get(self, request: Request, artifact_id: UUID) -> Response:
        """One artifact, without its bytes."""
        artifact = queries.artifact_of(actor_of(request), artifact_id)
        return in_session(artifact, artifact_as_dict(artifact))

    @describes("delete_artifact", status=204)
    def delete(self, request: Request, artifact_id: UUID) -> Response:
        """Remove this version."""
        artifact = queries.artifact_of(actor_of(request), artifact_id)
        fixed = {"session_id": str(artifact.session_id), "artifact_id": str(artifact_id)}
        execute(command_from("delete-artifact", {}, **fixed), context_of(request))
        return Response(status=204)


class ContentView(Resource):
    """`artifacts/{id}/content/`"""

    noun = "artifacts"

    @describes(
        "download_artifact",
        also={206: None, 416: None},
        headers=("Range", "IfRange"),
        media={"*/*": FILE},
        query=(Parameter("inline", str, "an image is shown in place"),),
    )
    def get(self, request: Request, artifact_id: UUID) -> HttpResponseBase:
        """The bytes; `Range`, `If-Range` and `If-None-Match` are honoured. With `inline` an image is shown in place."""
        return download(request, queries.artifact_of(actor_of(request), artifact_id))

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """It is what it is, whatever one would accept."""
        return super().perform_content_negotiation(request, force=True)
