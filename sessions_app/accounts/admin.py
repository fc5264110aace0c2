"""Tokens and the accounts of programs for operators: to look at, to revoke, to disable. They are made over REST, where
a token's text can be told once. Imported by `sessions_app.admin`."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from bus.admin import ReadOnly, execute
from bus.exceptions import Refused
from bus.messages import Command
from sessions_app.commands import DisableServiceAccount, RevokeToken
from sessions_app.models import ApiToken, ServiceAccount


class ByAction(ReadOnly):
    """A page whose rows are changed by actions, one command each, by who could change them by hand."""

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whoever may change such a row."""
        return request.user.has_perm(f"sessions_app.change_{self.opts.model_name}")

    def act(self, request: HttpRequest, commands: list[Command]) -> None:
        """What is refused is said, the others go on."""
        done = 0
        for command in commands:
            try:
                execute(request, command)
                done += 1
            except Refused as refusal:
                self.message_user(request, refusal.detail, messages.ERROR)
        self.message_user(request, f"{done} done.", messages.SUCCESS)


@admin.register(ApiToken)
class ApiTokenAdmin(ByAction):
    """Everybody's tokens, newest first, without their hashes."""

    list_display = ("prefix", "name", "user", "created_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    fields = ("id", "prefix", "name", "user", "scopes", "created_at", "expires_at", "revoked_at")
    ordering = ("-id",)
    exact = ("id",)
    search_help_text = "the id of a token"
    actions = ("revoke_selected",)

    @admin.action(description="Revoke the selected tokens", permissions=["act"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """They let nobody in any more."""
        self.act(request, [RevokeToken(token_id=ident) for ident in queryset.values_list("id", flat=True)])


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ByAction):
    """The users that are programs."""

    list_display = ("user", "description", "active", "created_by", "created_at")
    list_select_related = ("user",)
    ordering = ("-user_id",)
    actions = ("disable_selected", "enable_selected")

    @admin.display(description="active", boolean=True)
    def active(self, account: Any) -> bool:
        """Whether its tokens let it in."""
        return bool(account.user.is_active)

    @admin.action(description="Disable the selected accounts", permissions=["act"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Their tokens let nobody in any more."""
        self._switch(request, queryset, enable=False)

    @admin.action(description="Enable the selected accounts", permissions=["act"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Those that are not revoked do again."""
        self._switch(request, queryset, enable=True)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, enable: bool) -> None:
        numbers = queryset.values_list("user_id", flat=True)
        self.act(request, [DisableServiceAccount(user_id=number, enable=enable) for number in numbers])
