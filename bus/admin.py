"""What admin pages share (reading in bounds, saving by command); the pages of the log and of what runs on it."""

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property

from bus import untrusted
from bus.bus import bus
from bus.exceptions import Refused
from bus.messages import Actor, Command, Context
from bus.models import StoredEvent, Stream, SubscriberCursor, Work

MOST = 10_000
"""Rows that are counted, and so reached by turning pages; beyond them one searches."""

if TYPE_CHECKING:  # generic for mypy only
    ModelAdmin = admin.ModelAdmin[Model]
    ModelForm = forms.ModelForm[Model]
    Pages = Paginator[Any]
else:
    from unfold.admin import ModelAdmin

    ModelForm, Pages = forms.ModelForm, Paginator


class BoundedPaginator(Pages):
    """Counts to MOST and no further: a COUNT(*) of the log would read all of it for every page."""

    @cached_property
    def count(self) -> int:
        """The number of rows, at most MOST."""
        rows = self.object_list
        return rows.order_by()[:MOST].count() if isinstance(rows, QuerySet) else len(rows)


def as_uuid(text: str) -> UUID | None:
    """An id from a search box; None for anything else."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


class ReadOnly(ModelAdmin):
    """A page to look at. Sorting by a click is off: without an index it would sort the whole table."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    exact: tuple[str, ...] = ()
    """Fields that the search box compares with an id."""

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Shows the search box where there is something to search."""
        return self.exact

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows with that id; Django's own search would compare ids as text, past every index."""
        if not search_term or not self.exact:
            return queryset, False
        wanted = as_uuid(search_term)
        if wanted is None:
            return queryset.none(), False
        found = queryset.none()
        for field in self.exact:
            found = found | queryset.filter(**{field: wanted})
        return found, False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


def difference(old: Any, new: Any) -> Any:
    """The RFC 7396 patch that makes `new` of `old`: null removes."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        if name not in old or old[name] != value:
            patch[name] = difference(old.get(name), value)
    return patch


def context_of(request: HttpRequest) -> Context:
    """Which operator acts, and in which request."""
    return Context(actor=Actor("staff", str(request.user.pk)), correlation_id=getattr(request, "request_id", ""))


def execute(request: HttpRequest, command: Command) -> Any:
    """What a command of this operator answers. Raises Refused."""
    return bus.execute(command, context_of(request)).data


class CommandForm(ModelForm):
    """A form that becomes a command: what the command cannot take is said beside the form, with the input kept."""

    command: Command

    def payload(self) -> tuple[str, dict[str, Any]]:
        """The name and the fields of the command."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any] | None:
        """Make the command, unless a field is wrong already."""
        cleaned = super().clean()
        if not self.errors:
            name, payload = self.payload()
            try:
                untrusted.check(payload)
                self.command = bus.registry.command(name, payload)
            except Refused as refusal:
                where = [str(error["pointer"]) for error in refusal.extra.get("errors", []) if error["pointer"]]
                raise forms.ValidationError(" ".join([refusal.detail, *where])) from None
        return cleaned

    def edited(self, name: str) -> Any:
        """A patch with what the operator changed since the page was made; what others changed meanwhile stays."""
        try:
            old = json.loads(self.data[self.add_initial_prefix(name)])
        except (KeyError, ValueError):
            old = getattr(self.instance, name)
        return difference(old, self.cleaned_data[name])


class ByCommand(ModelAdmin):
    """An admin page that never writes a row itself."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    ordering = ("-id",)  # ids are in the order of time, and indexed

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What the handler refuses becomes a message; the transaction is undone."""
        return self._or_refusal(request, super().changeform_view, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As `changeform_view`."""
        return self._or_refusal(request, super().delete_view, *args, **kwargs)

    def _or_refusal(self, request: HttpRequest, view: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer: HttpResponse = view(request, *args, **kwargs)
        except Refused as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return redirect(request.get_full_path())
        return answer

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Execute the form's command; the object becomes the row that the projection made of it."""
        data = execute(request, form.command)
        obj.pk = as_uuid(str(data["id"]))
        obj.refresh_from_db()


class EventType(admin.SimpleListFilter):
    """The registered types; asking the log which it holds would read all of it."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every type the bus knows."""
        return [(name, name) for name in sorted(bus.registry.events)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Events of the chosen type."""
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(StoredEvent)
class StoredEventAdmin(ReadOnly):
    """The log, newest first."""

    list_display = ("position", "type", "stream", "version", "actor", "recorded_at")
    list_filter = (EventType,)
    ordering = ("-position",)
    exact = ("stream",)
    search_help_text = "the id of a session"


@admin.register(Stream)
class StreamAdmin(ReadOnly):
    """The heads of the sessions' logs; ids are in the order of time."""

    list_display = ("id", "version")
    ordering = ("-id",)
    exact = ("id",)
    search_help_text = "the id of a session"


@admin.register(Work)
class WorkAdmin(ReadOnly):
    """What was accepted to be done; ids are in the order of time."""

    list_display = ("id", "kind", "name", "state", "attempts", "owner", "lease_until", "created_at", "finished_at")
    list_filter = ("state",)
    ordering = ("-id",)
    exact = ("id", "session")
    search_help_text = "the id of the work or of its session"


@admin.register(SubscriberCursor)
class SubscriberCursorAdmin(ReadOnly):
    """How far each durable subscriber has come."""

    list_display = ("name", "position", "attempts", "error", "owner", "lease_until")
    ordering = ("name",)
