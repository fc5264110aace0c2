"""The catalogue, the budgets and the ledger for operators. The first two are settings of the server: plain rows, not
events of a session; who changed them is in the admin's own history."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from bus.admin import BoundedPaginator, ModelForm, ReadOnly, as_uuid
from sessions_app.auditing import Audited
from sessions_app.models import Budget, BudgetUse, ModelEntry, Session, UsageEntry


class Configuration(Audited):
    """Rows that operators write by hand."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


@admin.register(ModelEntry)
class ModelEntryAdmin(Configuration):
    """What is known of models beyond what is published, from when to when."""

    list_display = (
        "provider",
        "model",
        "valid_from",
        "valid_until",
        "max_context_window",
        "input_price",
        "output_price",
    )
    list_filter = ("valid_from",)
    search_fields = ("provider", "model")
    ordering = ("provider", "model", "-valid_from")


class BudgetForm(ModelForm):
    """A budget of a session or a user that exists."""

    class Meta:
        model = Budget
        fields = ("scope", "session", "user", "period", "usd", "tokens")

    def clean_session(self) -> Any:
        """The id of a session."""
        wanted = self.cleaned_data["session"]
        if wanted is not None and not Session.objects.filter(id=wanted).exists():
            raise forms.ValidationError("There is no session with this id.")
        return wanted


@admin.register(Budget)
class BudgetAdmin(Configuration):
    """The most that may be used."""

    form = BudgetForm
    list_display = ("__str__", "usd", "tokens")
    list_filter = ("scope", "period")
    raw_id_fields = ("user",)
    search_help_text = "the id of a session"
    ordering = ("-id",)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Shows the search box."""
        return ("session",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id."""
        if not search_term:
            return queryset, False
        wanted = as_uuid(search_term)
        return (queryset.none() if wanted is None else queryset.filter(session=wanted)), False


@admin.register(BudgetUse)
class BudgetUseAdmin(ReadOnly):
    """What is spent of the budgets and what runs at work have set aside."""

    list_display = ("budget", "starts", "spent_usd", "reserved_usd", "spent_tokens", "reserved_tokens")
    list_select_related = ("budget",)
    ordering = ("-id",)


@admin.register(UsageEntry)
class UsageEntryAdmin(ReadOnly):
    """The ledger: what was used, and its cost."""

    list_display = ("at", "session", "provider", "model", "input_tokens", "output_tokens", "cost")
    list_select_related = ("session",)
    list_filter = (("cost", admin.EmptyFieldListFilter),)
    ordering = ("-id",)
    exact = ("session", "run")
    search_help_text = "the id of a session or of a run"
