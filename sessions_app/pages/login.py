"""Logging in by link."""

from django.conf import settings
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from sessions_app.login_link import user_of_link


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
                return redirect(settings.LOGIN_REDIRECT_URL)
        return render(request, "registration/enter.html", {"person": None}, status=410)
