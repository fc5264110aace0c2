"""How long what is whose is kept, and what is gone, for operators. Imported by `sessions_app.admin`."""

from django.contrib import admin

from bus.admin import ReadOnly
from sessions_app.auditing import Audited
from sessions_app.models import PastUsage, Removed, Retention


@admin.register(Retention)
class RetentionAdmin(Audited):
    """Days for users who are to have others than the server."""

    list_display = ("user", "days")
    list_select_related = ("user",)
    raw_id_fields = ("user",)
    show_facets = admin.ShowFacets.NEVER


@admin.register(Removed)
class RemovedAdmin(ReadOnly):
    """Deleted and erased sessions, with the report of what was erased."""

    list_display = ("id", "owner", "deleted_at", "erased_at")
    ordering = ("-id",)
    exact = ("id", "owner")
    search_help_text = "the id of a session or of its owner"


@admin.register(PastUsage)
class PastUsageAdmin(ReadOnly):
    """What erased sessions used and cost."""

    list_display = ("day", "provider", "model", "input_tokens", "output_tokens", "cost")
    ordering = ("-day", "-id")
