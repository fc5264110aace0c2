"""Errors that arise before or outside a view: a problem document under /api/, a plain page elsewhere."""

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from config.edge import document


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: a foreign host name, too many fields, and the like."""
    return _answer(request, 400, "malformed", "The request is not one this server accepts.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: nothing is told but that it happened; the log has the rest."""
    return _answer(request, 500, "internal-error", "Something failed here; it has been logged.")


def _answer(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return render(request, f"{status}.html", status=status)
    body = document(code, status, detail, request.path, getattr(request, "request_id", ""))
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/problem+json")
