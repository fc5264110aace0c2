"""Parked deliveries, and the one way in which operators have them tried again. Imported by `sessions_app.admin`."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from bus.admin import ReadOnly, execute
from bus.exceptions import Refused
from bus.log.durable import RedriveDelivery
from bus.models import ParkedDelivery
from sessions_app.auditing import note

ACT = "bus.change_parkeddelivery"
"""Who could change a parked delivery, were it changed by hand."""


def redrive(request: HttpRequest, subscriber: str, position: int | None) -> bool:
    """Have a worker try it again (without a position: all of the subscriber), and say who asked; what is refused is
    said, too."""
    try:
        with transaction.atomic():
            execute(request, RedriveDelivery(subscriber=subscriber, position=position))
            row = f"{subscriber} {'*' if position is None else position}"
            note(request, "redriven", ParkedDelivery._meta.label_lower, row)
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return False
    return True


@admin.register(ParkedDelivery)
class ParkedDeliveryAdmin(ReadOnly):
    """Events that subscribers could not take."""

    list_display = ("subscriber", "position", "attempts", "error", "redrive", "parked_at")
    list_filter = ("subscriber",)
    ordering = ("subscriber", "position")
    actions = ("redrive_selected",)

    def has_redrive_permission(self, request: HttpRequest) -> bool:
        """As on the live page."""
        return request.user.has_perm(ACT)

    @admin.action(description="Redrive the selected deliveries", permissions=["redrive"])
    def redrive_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One command each; a worker tries them with its next round."""
        chosen = list(queryset.values_list("subscriber", "position"))
        asked = sum(redrive(request, subscriber, position) for subscriber, position in chosen)
        self.message_user(request, f"{asked} will be tried again.", messages.SUCCESS)
