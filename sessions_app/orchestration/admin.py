"""Named prompts for operators: every change is a new version, checked before it is saved; who made it is kept."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from bus.admin import BoundedPaginator, ModelForm
from bus.exceptions import Refused
from sessions_app.auditing import Audited
from sessions_app.models import Prompt
from sessions_app.orchestration import prompts
from sessions_app.orchestration.prompts import PromptText


class PromptForm(ModelForm):
    """The next version of a prompt."""

    class Meta:
        model = Prompt
        fields = ("name", "system", "user", "description")

    instance: Prompt

    def text(self) -> PromptText:
        """What is to be saved; a prompt that is there keeps its name. Browsers end lines in two characters."""
        said = {part: self.cleaned_data[part].replace("\r\n", "\n") for part in ("system", "user", "description")}
        return PromptText(name=self.cleaned_data.get("name") or self.instance.name, **said)

    def clean(self) -> dict[str, Any] | None:
        """Both templates can be read, and what they include."""
        cleaned = super().clean()
        if not self.errors:
            try:
                prompts.variables(self.text())
            except Refused as refused:
                raise forms.ValidationError(refused.detail) from None
        return cleaned


@admin.register(Prompt)
class PromptAdmin(Audited):
    """All versions, the newest of each prompt first. None goes: what was asked with it stays comprehensible."""

    form = PromptForm
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_display = ("name", "version", "description", "created_by", "created_at")
    list_select_related = ("created_by",)
    search_fields = ("name",)
    ordering = ("name", "-version")
    shown = ("version", "created_by", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """With where it stands, once it does."""
        return ("name", "system", "user", "description", *(self.shown if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The name is chosen once."""
        return ("name", *self.shown) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Another row; the object becomes it. Nothing where nothing was changed."""
        if change and not form.changed_data:
            return
        obj.pk = prompts.save(form.text(), request.user.pk).pk
        obj.refresh_from_db()
