"""Providers' keys for operators: written, replaced, removed, never shown. Who did it is in the admin's history."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from bus.admin import ModelForm
from sessions_app.auditing import Audited
from sessions_app.llm import addresses, keys
from sessions_app.models import ProviderKey

MOST_CHARACTERS = 4096


class ProviderKeyForm(ModelForm):
    """The key is typed in and never comes back. Another address needs it again: a key goes to one place only."""

    provider = forms.ChoiceField(choices=lambda: [(name, name) for name in settings.LLM_PROVIDERS if name != "echo"])
    base_url = forms.CharField(required=False, max_length=500, label="Base URL", help_text="empty: the provider's own")
    api_key = forms.CharField(
        required=False,
        max_length=MOST_CHARACTERS,
        label="Key",
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text="never shown again; left empty, a saved key stays",
    )

    class Meta:
        model = ProviderKey
        fields = ("provider", "base_url")

    instance: ProviderKey

    def clean_base_url(self) -> str:
        """An address that this server may connect to."""
        url = str(self.cleaned_data["base_url"]).strip().rstrip("/")
        if url:
            try:
                addresses.check_origin(addresses.origin(url))
            except addresses.NotAllowed as refused:
                raise forms.ValidationError(refused.detail) from None
            if "?" in url or "#" in url:
                raise forms.ValidationError("An address ends with its path.")
        return url

    def clean_api_key(self) -> str:
        """What can stand in a header."""
        key = str(self.cleaned_data["api_key"])
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError("A key has no spaces and only plain characters.")
        return key

    def clean(self) -> dict[str, Any] | None:
        """A key that is left empty stays where it was saved for; only a place of one's own can do without."""
        cleaned = super().clean() or {}
        if self.errors or cleaned["api_key"]:
            return cleaned
        if self.instance._state.adding:
            if not cleaned["base_url"]:
                self.add_error("api_key", "Enter the key.")
        elif {"provider", "base_url"} & set(self.changed_data):
            self.add_error("api_key", "Enter the key again: it was saved for another place.")
        return cleaned


@admin.register(ProviderKey)
class ProviderKeyAdmin(Audited):
    """Which providers have a key, and where it is sent."""

    form = ProviderKeyForm
    fields = ("provider", "base_url", "api_key", "ending", "created_at", "changed_at")
    readonly_fields = ("ending", "created_at", "changed_at")
    list_display = ("provider", "base_url", "ending", "changed_at")
    ordering = ("provider",)
    show_facets = admin.ShowFacets.NEVER

    @admin.display(description="key")
    def ending(self, row: ProviderKey) -> str:
        """Its last characters, to tell keys apart."""
        return f"…{row.hint}" if row.hint else "-"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Seal what was typed in; an empty key of a new row is sealed as one."""
        if form.cleaned_data["api_key"] or not change:
            keys.seal(obj, form.cleaned_data["api_key"])
        super().save_model(request, obj, form, change)
        keys.forget()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """And use it no longer."""
        super().delete_model(request, obj)
        keys.forget()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """As `delete_model`."""
        super().delete_queryset(request, queryset)
        keys.forget()
