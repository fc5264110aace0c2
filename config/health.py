"""Probes: `/healthz` says the process runs, `/readyz` that it should get traffic, `/metrics` what it counted."""

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bus import gauges

draining = False
"""Set when the server has been asked to stop: no new traffic, please."""


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """The process should get traffic: it is not stopping, and PostgreSQL answers. Redis is not asked: it is a hint."""
    if draining:
        return JsonResponse({"status": "draining"}, status=503)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ready"})


def metrics(request: HttpRequest) -> HttpResponse:
    """This process's counters in the Prometheus text format; for staff, or for all where METRICS_OPEN says so."""
    if not (settings.METRICS_OPEN or request.user.is_staff):
        return HttpResponse(status=404)
    gauges.refresh()
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
