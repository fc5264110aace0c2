"""The plugins' switches for operators: on or off without a restart, and what went wrong last."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from bus import plugins
from bus.admin import ReadOnly
from sessions_app.auditing import Audited
from sessions_app.models import Memory, Plugin
from sessions_app.switches import ensure_rows, switches

READONLY = ("name", "status", "failures", "failures_total", "failing", "last_error", "last_error_at", "changed_at")


@admin.register(Plugin)
class PluginAdmin(Audited):
    """Which plugins there are, whether they act, how they have done."""

    fields = ("enabled", *READONLY)
    readonly_fields = READONLY
    list_display = ("name", "enabled", "status", "failures", "failures_total", "last_error_at", "changed_at")
    ordering = ("name",)
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description="state")
    def status(self, row: Plugin) -> str:
        """What is true of it now, in words."""
        found = plugins.loaded.get(row.name)
        if found is None:
            return "not installed"
        if found.error:
            return f"could not be loaded: {found.error[:200]}"
        if row.enabled:
            return "on"
        return "switched off after failing" if row.failures else "off"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With a row for each that is installed."""
        ensure_rows()
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They are named in the setting PLUGINS."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """As `has_add_permission`."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Switched on, it begins without failures; only what was switched is written."""
        if "enabled" not in form.changed_data:
            return
        changes = {"enabled": obj.enabled, "changed_at": timezone.now()} | (
            {"failures": 0, "failing": ""} if obj.enabled else {}
        )
        Plugin.objects.filter(pk=obj.pk).update(**changes)
        switches.forget()


@admin.register(Memory)
class MemoryAdmin(ReadOnly):
    """What the semantic memory keeps, newest first."""

    list_display = ("id", "session", "owner", "role", "said_at")
    ordering = ("-id",)
    exact = ("id", "session")
    search_help_text = "the id of a message or of its session"
