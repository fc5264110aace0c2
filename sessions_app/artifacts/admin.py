"""Artifacts for operators: what there is and how large, without the bytes. Imported by `sessions_app.admin`."""

from django.contrib import admin

from bus.admin import ReadOnly
from sessions_app.models import Artifact


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly):
    """Versions of named bytes."""

    list_display = ("id", "session", "name", "version", "content_type", "size", "created_at", "deleted_at")
    list_select_related = ("session",)
    ordering = ("-id",)
    exact = ("id", "session")
    search_help_text = "the id of an artifact or of its session"
