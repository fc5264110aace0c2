"""Logging in by link."""

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache

from sessions_app import queries, rights
from sessions_app.login_link import user_of_link
from sessions_app.pages.common import actor_of, execute


@method_decorator(never_cache, name="dispatch")
class EnterPage(View):
    """`enter/…`: a button behind a link. Opening the link does nothing yet, so that previews do not use it up."""

    def get(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """The button, or 410 for a link that is good no more."""
        user = user_of_link(uidb64, token)
        return render(request, "registration/enter.html", {"person": user}, status=200 if user else 410)

    def post(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """Log in; with this the link is used up."""
        with transaction.atomic():
            user = user_of_link(uidb64, token, lock=True)
            if user is not None:
                login(request, user, backend="config.logins.Backend")
        if user is not None:
            return _first_page(request)
        return render(request, "registration/enter.html", {"person": None}, status=410)


def _first_page(request: HttpRequest) -> HttpResponse:
    """The list; for somebody who has nothing yet a session to begin with, whose provider answers offline."""
    mine = actor_of(request)
    if queries.own_of(mine).exists() or rights.shared_with(mine).exists():
        return redirect(settings.LOGIN_REDIRECT_URL)
    begun = execute(request, "create-session", {"title": _("First session")})
    return redirect("session", session_id=begun["id"])
