"""The page of a login that is shut for a while. Called by `axes`, instead of the answer of whoever asked for it."""

from math import ceil
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def shut(request: HttpRequest, answer: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """429, and what one can do; the same for names that nobody has."""
    minutes = ceil(settings.LOGIN_PAUSE / 60)
    response = render(request, "registration/shut.html", {"minutes": minutes}, status=429)
    response["Retry-After"] = str(ceil(settings.LOGIN_PAUSE))
    return response


def not_let_in(request: HttpRequest) -> HttpResponse:
    """403 for whoever comes back from the issuer without its word, is disabled, or has an e-mail address that somebody
    here has."""
    return render(request, "registration/refused.html", status=403)
