"""`data/`: what comes in and goes out as files. The page is empty; its scripts ask REST."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View

from sessions_app import queries
from sessions_app.pages.common import actor_of

NOBODY = UUID(int=0)
"""Stands in the address of a session for the id that the script puts there."""


class DataPage(LoginRequiredMixin, View):
    """`data/`"""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        context = {
            "place": "data",
            "nobody": NOBODY,
            "most_bytes": settings.UPLOAD_LIMIT,
            "kept_days": settings.EXPORT_DAYS,
            "sessions": queries.own_of(actor_of(request)).count(),
        }
        return render(request, "data.html", context)
