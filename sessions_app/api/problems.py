"""Every error as an RFC 9457 problem document with a stable code; never an HTML page, never a bare 500."""

import logging
from typing import Any

import msgspec
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf
from rest_framework.response import Response

from bus.exceptions import BusError, InsufficientScope, VersionConflict
from sessions_app.api.description.catalogue import CATALOGUE, title_of

logger = logging.getLogger(__name__)

_BY_KIND: tuple[tuple[type[Exception], int, str], ...] = (
    (drf.NotAuthenticated, 401, "unauthenticated"),
    (drf.AuthenticationFailed, 401, "unauthenticated"),
    (drf.PermissionDenied, 403, "forbidden"),
    (PermissionDenied, 403, "forbidden"),
    (drf.NotFound, 404, "not-found"),
    (Http404, 404, "not-found"),
    (drf.MethodNotAllowed, 405, "method-not-allowed"),
    (drf.NotAcceptable, 406, "not-acceptable"),
    (drf.UnsupportedMediaType, 415, "unsupported-media-type"),
    (drf.Throttled, 429, "rate-limited"),
    (drf.ParseError, 400, "malformed"),
    (drf.ValidationError, 422, "validation-failed"),
    # Django's own refusals, such as more than 1,000 query parameters
    (RequestDataTooBig, 413, "too-large"),
    (SuspiciousOperation, 400, "malformed"),
    (BadRequest, 400, "malformed"),
    (MultiPartParserError, 400, "malformed"),
)

_UNIQUE_VIOLATION = "23505"


class InProgress(BusError):
    """This Idempotency-Key belongs to a command that was left to a worker; ask for that command's state."""

    code = "idempotency-in-progress"
    status = 409


class PreconditionFailed(BusError):
    """The resource is not at the version named in If-Match."""

    code = "precondition-failed"
    status = 412


class PreconditionRequired(BusError):
    """Say with If-Match which version you are changing (the ETag of your last read)."""

    code = "precondition-required"
    status = 428


class StreamExpired(BusError):
    """The log does not go on from this position: it was pruned, or restored from an older copy. Forget what you have,
    read the state anew, and go on after `head`."""

    code = "stream-expired"
    status = 410


def document(request: HttpRequest, code: str, status: int, detail: str, **extra: Any) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"/problems/{code}",
        "title": title_of(code),
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": getattr(request, "request_id", ""),
        **extra,
    }


def as_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    request: HttpRequest = context["request"]._request
    headers: dict[str, str] = {}
    if isinstance(error, VersionConflict) and "If-Match" in request.headers:
        error = PreconditionFailed(error.detail, **error.extra)
    if isinstance(error, BusError):
        members = error.as_problem()
        if isinstance(error, InsufficientScope):
            headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{" ".join(error.lacking)}"'
        if error.status in (429, 503):
            headers["Retry-After"] = str(getattr(error, "retry_after", 1))
        elif error.status >= 500:
            logger.error("%s: %s", type(error).__name__, error.detail, exc_info=error)
    elif isinstance(error, (OperationalError, PoolTimeout)):
        members = {"code": "unavailable", "status": 503, "detail": "The database cannot be reached; try again."}
        headers["Retry-After"] = "1"
    else:
        members = _members(error, request)
        headers |= _headers(error)
    code, status, detail = members.pop("code"), members.pop("status"), members.pop("detail")
    response = Response(document(request, code, status, detail, **members), status=status, headers=headers)
    response.content_type = "application/problem+json"
    return response


def _members(error: Exception, request: HttpRequest) -> dict[str, Any]:
    """What Django, DRF and PostgreSQL refuse; anything else is our failure."""
    for kind, status, code in _BY_KIND:
        if isinstance(error, kind):
            return {
                "code": code,
                "status": status,
                "detail": str(getattr(error, "detail", f"{CATALOGUE[code].title}.")),
            }
    if isinstance(error, DataError):  # out of a column's range: the commands' types should have said so
        logger.warning("PostgreSQL refused a value at %s", request.path, exc_info=error)
        return {"code": "validation-failed", "status": 422, "detail": "A value is not one that can be stored."}
    if isinstance(error, IntegrityError) and getattr(error.__cause__, "sqlstate", None) == _UNIQUE_VIOLATION:
        return {"code": "already-exists", "status": 409, "detail": "Something with this id exists already."}
    logger.error("unexpected error at %s", request.path, exc_info=error)
    return {"code": "internal-error", "status": 500, "detail": "Something failed here; it has been logged."}


def _headers(error: Exception) -> dict[str, str]:
    headers: dict[str, str] = {}
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return headers


def no_such_address(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 for API addresses that do not exist."""
    body = document(request, "not-found", 404, "There is nothing at this address.")
    return HttpResponse(msgspec.json.encode(body), status=404, content_type="application/problem+json")


def not_with(request: HttpRequest, allowed: str) -> HttpResponse:
    """405 of a page that is no view of REST's; `allowed` such as `GET, HEAD`."""
    body = document(request, "method-not-allowed", 405, f"Method {request.method!r} is not allowed here.")
    content = msgspec.json.encode(body)
    return HttpResponse(content, status=405, content_type="application/problem+json", headers={"Allow": allowed})
