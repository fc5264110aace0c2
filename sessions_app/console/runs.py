"""Runs and graphs for operators: who works on them, since when nothing was heard, cancel and retry. Imported by
`sessions_app.admin`."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from bus.acting import ByAction
from bus.models import Work
from sessions_app.commands import CancelGraph, CancelRun, RetryGraph, RetryRun
from sessions_app.llm.status import ENDED
from sessions_app.models import Graph, Run


class Provider(admin.SimpleListFilter):
    """The configured providers."""

    title = parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Their names."""
        return [(name, name) for name in settings.LLM_PROVIDERS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What is of the chosen one."""
        return queryset.filter(provider=self.value()) if self.value() else queryset


def links_of(session: UUID) -> list[tuple[str, Any]]:
    """Where to go on from a session, or from what is of one."""
    of_session = f"?q={session}"
    return [
        (reverse("admin:timeline", args=[session]), _("Timeline and past versions")),
        (reverse("admin:bus_storedevent_changelist") + of_session, _("Events in the log")),
        (reverse("admin:sessions_app_run_changelist") + of_session, _("Runs")),
    ]


class OfSession(ByAction):
    """Rows that belong to a session."""

    list_select_related = ("session",)
    ordering = ("-id",)
    exact = ("id", "session")

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """With the ways to its session."""
        row = context.get("original")
        context["links"] = links_of(row.session_id) if row is not None else []
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Run)
class RunAdmin(OfSession):
    """Answers and what became of them."""

    list_display = ("id", "session", "state", "provider", "model", "attempt", "holder", "heard", "queued_at")
    list_filter = ("state", Provider)
    search_help_text = "the id of a run or of its session"
    actions = ("cancel_selected", "retry_selected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the lease, which is the bus's."""
        work = Work.objects.filter(id=OuterRef("id"), state=Work.State.RUNNING)
        rows = super().get_queryset(request)
        leased: QuerySet[Any] = rows.annotate(
            owner=Subquery(work.values("owner")), until=Subquery(work.values("lease_until"))
        )
        return leased

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With them on its page, too."""
        return ("holder", "heard")

    @admin.display(description="lease held by")
    def holder(self, run: Any) -> str:
        """The worker's process."""
        return run.owner or "-"

    @admin.display(description="heard of")
    def heard(self, run: Any) -> str:
        """How long ago that process last renewed the lease."""
        if run.until is None:
            return "-"
        ago = timezone.now() - (run.until - timedelta(seconds=settings.BUS_LEASE_SECONDS))
        return f"{max(ago.total_seconds(), 0):.0f} s ago"

    def offered(self, row: Any) -> tuple[str, ...]:
        """A run that has ended can be tried again, another be stopped."""
        return ("retry_selected",) if row.state in ENDED else ("cancel_selected",)

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Those at work keep what they have said."""
        rows = queryset.values_list("session_id", "id")
        return self.act(request, [CancelRun(session_id=session, run_id=run) for session, run in rows])

    @admin.action(description="Try again", permissions=["act"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """The same question, asked anew."""
        rows = queryset.values_list("session_id", "id")
        return self.act(request, [RetryRun(session_id=session, run_id=run) for session, run in rows])


@admin.register(Graph)
class GraphAdmin(OfSession):
    """Graphs of prompts and how far they have come."""

    list_display = ("__str__", "session", "kind", "state", "done", "total", "running", "failed", "cost", "started_at")
    list_filter = ("state",)
    search_help_text = "the id of a graph or of its session"
    actions = ("cancel_selected", "retry_selected")

    def offered(self, row: Any) -> tuple[str, ...]:
        """One that has not ended can be stopped, another tried again unless all went well."""
        if row.state == Graph.State.RUNNING:
            return ("cancel_selected",)
        return () if row.state == Graph.State.SUCCEEDED else ("retry_selected",)

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """No further node begins."""
        rows = queryset.values_list("session_id", "id")
        return self.act(request, [CancelGraph(session_id=session, graph_id=graph) for session, graph in rows])

    @admin.action(description="Try again what failed", permissions=["act"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """What has succeeded is kept."""
        rows = queryset.values_list("session_id", "id")
        return self.act(request, [RetryGraph(session_id=session, graph_id=graph) for session, graph in rows])
