"""Gives every request an id (in the answer, the problem document, the events' correlation) and a span."""

import re
from collections.abc import Callable

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from bus import observe
from bus.messages import uuid7
from config.redaction import redact

_SESSION_KEY = re.compile(r"[a-z0-9]{1,64}")
FOR_PROGRAMS = ("/api/", "/openai/", "/healthz", "/readyz", "/metrics")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._\-]{1,64}")


class RequestIdMiddleware:
    """Takes `X-Request-ID` where it is well-formed, else makes one; sets `request.request_id`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else str(uuid7())
        request.request_id = request_id  # type: ignore[attr-defined]
        with observe.span(f"{request.method} {redact(request.path)}", parent=request.headers.get("traceparent", "")):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class SessionCookieMiddleware:
    """Takes away session cookies that are none of ours: a NUL in one would reach PostgreSQL, which refuses it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if key is not None and not is_session_key(key):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


def is_session_key(key: str) -> bool:
    """Whether a cookie can be a key that Django made."""
    return _SESSION_KEY.fullmatch(key) is not None


class LocaleOfPagesMiddleware(LocaleMiddleware):
    """Pages speak the reader's language; programs are always answered in English, whatever their HTTP library says it
    accepts."""

    def process_request(self, request: HttpRequest) -> None:
        """Choose the language."""
        if is_for_programs(request):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Name it, and on what it depends."""
        return response if is_for_programs(request) else super().process_response(request, response)


def is_for_programs(request: HttpRequest) -> bool:
    """Whether no person reads the answer."""
    return request.path.startswith(FOR_PROGRAMS)


class ContentSecurityPolicyMiddleware:
    """The policy of the settings, written once: django-csp would put it together anew for every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._policy = build_policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", self._policy)
        return response
