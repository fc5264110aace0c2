"""`sessions/{id}/files/`: what a session keeps, by name. Reads only; uploads and deletions go to REST, and what happens
after the page was sent comes over the socket (`static/parley/files.js`)."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from sessions_app import queries
from sessions_app.artifacts.media import RASTER, is_json, is_text
from sessions_app.models import Artifact
from sessions_app.pages.common import session_or_404, whole_number

FILES = 30


class FilesPage(LoginRequiredMixin, View):
    """The newest version of each name, newest first; with `name` all versions of that one."""

    def get(self, request: HttpRequest, session_id: UUID) -> HttpResponse:
        """A page of the list; `before` is the position of the last file of the page before it."""
        session = session_or_404(request, session_id)
        given, name = request.GET.get("before", ""), request.GET.get("name", "").replace("\x00", "")
        rows = queries.artifacts_in(session.id, name or None)
        if not name:
            rows = _newest(rows)
        before = whole_number(given)
        if before is not None:
            rows = rows.filter(position__lt=before)
        found = list(rows[: FILES + 1])
        kept = queries.artifacts_in(session.id).aggregate(number=Count("id"), bytes=Coalesce(Sum("size"), 0))
        context = {
            "session": session,
            "kept": kept,
            "room": settings.ARTIFACT_SESSION_BYTES,
            "most": settings.ARTIFACT_MAX_BYTES,
            "name": name,
            "files": [(file, _preview(file)) for file in found[:FILES]],
            "begun": before is not None,
            "older": found[FILES - 1].position if len(found) > FILES else None,
        }
        return render(request, "files/list.html", context)


def _newest(rows: QuerySet[Artifact]) -> QuerySet[Artifact]:
    """Those that no later version of their name follows, each with how many there are."""
    same = Artifact.objects.filter(session=OuterRef("session"), name=OuterRef("name"), deleted_at__isnull=True)
    counted = same.order_by().values("name").annotate(number=Count("id")).values("number")
    newest = rows.filter(~Exists(same.filter(version__gt=OuterRef("version"))))
    return newest.annotate(versions=Subquery(counted))


def _preview(file: Artifact) -> str:
    """How it can be looked at in the page: image, json, text; "" not at all."""
    if file.content_type in RASTER:
        return "image"
    if is_json(file.content_type):
        return "json"
    return "text" if is_text(file.content_type) else ""
