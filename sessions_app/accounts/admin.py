"""Tokens and the accounts of programs for operators: to look at, to revoke, to disable; made on
`console.tokens`, where a token's text is told once. Imported by `sessions_app.admin`."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from bus.acting import ByAction
from sessions_app.commands import DisableServiceAccount, RevokeToken
from sessions_app.models import ApiToken, ServiceAccount


@admin.register(ApiToken)
class ApiTokenAdmin(ByAction):
    """Everybody's tokens, newest first, without their hashes."""

    list_before_template = "console/add_token.html"
    list_display = ("prefix", "name", "user", "created_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    fields = ("id", "prefix", "name", "user", "scopes", "created_at", "expires_at", "revoked_at")
    ordering = ("-id",)
    exact = ("id",)
    search_help_text = "the id of a token"
    actions = ("revoke_selected",)

    def offered(self, row: Any) -> tuple[str, ...]:
        """Once."""
        return () if row.revoked_at else ("revoke_selected",)

    @admin.action(description="Revoke", permissions=["act"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """They let nobody in any more."""
        return self.act(request, [RevokeToken(token_id=ident) for ident in queryset.values_list("id", flat=True)])


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ByAction):
    """The users that are programs."""

    list_before_template = "console/add_account.html"
    list_display = ("user", "description", "active", "created_by", "created_at")
    list_select_related = ("user",)
    ordering = ("-user_id",)
    actions = ("disable_selected", "enable_selected")

    @admin.display(description="active", boolean=True)
    def active(self, account: Any) -> bool:
        """Whether its tokens let it in."""
        return bool(account.user.is_active)

    def offered(self, row: Any) -> tuple[str, ...]:
        """The other of the two."""
        return ("disable_selected",) if row.user.is_active else ("enable_selected",)

    @admin.action(description="Disable", permissions=["act"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Their tokens let nobody in any more."""
        return self._switch(request, queryset, enable=False)

    @admin.action(description="Enable", permissions=["act"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Those that are not revoked do again."""
        return self._switch(request, queryset, enable=True)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, enable: bool) -> HttpResponse | None:
        numbers = queryset.values_list("user_id", flat=True)
        return self.act(request, [DisableServiceAccount(user_id=number, enable=enable) for number in numbers])
