"""Sessions and messages for operators. What they save becomes a command; the rows are written by projections only."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Left
from django.http import HttpRequest

from bus.admin import ByCommand, CommandForm, as_uuid, execute
from bus.bus import bus
from bus.exceptions import Refused
from sessions_app import plugin_admin as _of_plugins  # noqa: F401
from sessions_app.accounts import admin as _of_accounts  # noqa: F401  (registers its pages)
from sessions_app.artifacts import admin as _of_artifacts  # noqa: F401  (registers its pages)
from sessions_app.console import people as _of_people  # noqa: F401
from sessions_app.console import redriving as _of_deliveries  # noqa: F401
from sessions_app.console.runs import Provider, links_of
from sessions_app.erasure import admin as _of_erasure  # noqa: F401
from sessions_app.llm import admin as _of_models  # noqa: F401  (registers its pages)
from sessions_app.llm import key_admin as _of_keys  # noqa: F401
from sessions_app.models import Message, Session
from sessions_app.orchestration import admin as _of_prompts  # noqa: F401

NAMES = 100
"""Names listed before a deletion is confirmed."""


class SessionForm(CommandForm):
    """A session's title, activity, metadata and configuration."""

    metadata = forms.JSONField(required=False, initial=dict, show_hidden_initial=True)
    config = forms.JSONField(show_hidden_initial=True, initial=lambda: {"provider": "echo", "model": "echo"})

    class Meta:
        model = Session
        fields = ("title", "is_active", "metadata", "config")

    def payload(self) -> tuple[str, dict[str, Any]]:
        """`create-session` or `update-session`."""
        said = self.cleaned_data
        said["metadata"] = {} if said["metadata"] is None else said["metadata"]
        if self.instance._state.adding:
            return "create-session", {name: said[name] for name in ("title", "metadata", "config")}
        payload: dict[str, Any] = {"session_id": str(self.instance.pk)}
        payload |= {name: said[name] for name in ("title", "is_active") if name in self.changed_data}
        payload |= {name: self.edited(name) for name in ("metadata", "config") if name in self.changed_data}
        return "update-session", payload


@admin.register(Session)
class SessionAdmin(ByCommand):
    """Begin, change and remove sessions; totals are shown."""

    form = SessionForm
    change_form_outer_before_template = "console/buttons.html"
    list_display = ("__str__", "owner", "provider", "model", "is_active", "message_count", "updated_at")
    list_select_related = ("owner",)
    list_filter = ("is_active", Provider, "created_at")
    search_fields = ("title",)
    search_help_text = "the id of a session, a part of its title, or its owner's user name"
    readonly_fields = tuple(
        field.name for field in Session._meta.fields if field.name not in ("title", "is_active", "metadata", "config")
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new session has no totals yet, and is active."""
        return (
            ("title", "is_active", "metadata", "config", *self.readonly_fields)
            if obj
            else ("title", "metadata", "config")
        )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """With the ways to its log."""
        context["links"] = links_of(context["original"].pk) if context.get("original") is not None else []
        return super().render_change_form(request, context, *args, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id where it is one."""
        wanted = as_uuid(search_term)
        if wanted is not None:
            return queryset.filter(id=wanted), False
        if not search_term:
            return queryset, False
        return queryset.filter(Q(title__icontains=search_term) | Q(owner__username=search_term)), False

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Names and a number; Django's own would load every message of every session to list it."""
        names = [str(session) for session in objs[:NAMES]]
        count = len(objs) if isinstance(objs, list) else objs.count()
        if count > NAMES:
            names.append(f"… and {count - NAMES} more")
        return names, {"sessions, with their messages and runs": count}, set(), []

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """One command."""
        execute(request, bus.registry.command("delete-session", {"session_id": str(obj.pk)}))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One command each; what is refused is said, the others go on."""
        for session_id in list(queryset.values_list("id", flat=True)):
            try:
                execute(request, bus.registry.command("delete-session", {"session_id": str(session_id)}))
            except Refused as refusal:
                self.message_user(request, f"{session_id}: {refusal.detail}", messages.ERROR)


class MessageForm(CommandForm):
    """A message's content and metadata; for a new one also where it goes and who says it."""

    content = forms.JSONField(help_text='text in quotation marks, or a list of parts: [{"type": "text", "text": "…"}]')
    metadata = forms.JSONField(required=False, initial=dict, show_hidden_initial=True)
    answer = forms.BooleanField(required=False, help_text="let the session's model answer")

    class Meta:
        model = Message
        fields = ("session", "role", "content", "tool_call_id", "metadata")

    instance: Message

    def payload(self) -> tuple[str, dict[str, Any]]:
        """`add-message` or `update-message`."""
        said = self.cleaned_data
        said["metadata"] = {} if said["metadata"] is None else said["metadata"]
        if isinstance(said["content"], str):
            said["content"] = str(said["content"])  # Django's JSONString is no text to the encoder
        if self.instance._state.adding:
            fields = {name: said[name] for name in ("role", "content", "tool_call_id", "metadata", "answer")}
            return "add-message", {"session_id": str(said["session"].pk), **fields}
        payload = {"session_id": str(self.instance.session_id), "message_id": str(self.instance.pk)}
        payload |= {"content": said["content"]} if "content" in self.changed_data else {}
        return "update-message", payload | (
            {"metadata": self.edited("metadata")} if "metadata" in self.changed_data else {}
        )


@admin.register(Message)
class MessageAdmin(ByCommand):
    """Add and change messages. There is no command that removes one."""

    form = MessageForm
    list_display = ("id", "session", "position", "role", "excerpt", "created_at")
    list_select_related = ("session",)
    list_filter = ("role", "created_at")
    search_fields = ("id",)
    search_help_text = "the id of a message or of its session"
    raw_id_fields = ("session",)
    fixed = (
        "session",
        "role",
        "tool_call_id",
        "conversation",
        "position",
        "tool_calls",
        "run",
        "created_at",
        "updated_at",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Place and role are chosen once."""
        return (
            ("content", "metadata", *self.fixed)
            if obj
            else ("session", "role", "content", "tool_call_id", "metadata", "answer")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """As `get_fields`."""
        return self.fixed if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the beginning of the first part instead of all of them: a message may have a megabyte."""
        first = KeyTextTransform("text", KeyTransform("0", "content"))
        whole = super().get_queryset(request).defer("content", "tool_calls", "metadata")
        begun: QuerySet[Any] = whole.annotate(beginning=Left(first, 80))
        return begun

    @admin.display(description="text")
    def excerpt(self, message: Any) -> str:
        """How it begins."""
        return message.beginning or "-"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id only: a search in all texts would read them all."""
        wanted = as_uuid(search_term)
        if wanted is not None:
            return queryset.filter(Q(id=wanted) | Q(session_id=wanted)), False
        return (queryset.none() if search_term else queryset), False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Messages go with their session."""
        return False
