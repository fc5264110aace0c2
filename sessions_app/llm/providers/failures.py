"""From what went wrong to a ProviderError: one table for all providers, and nothing secret in its words."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from sessions_app.llm.base import ErrorCode, ProviderError

LONGEST_WAIT = 3600.0
"""Seconds; a server that asks for more is not worth waiting for."""
LONGEST_DETAIL = 500
SPENT = {"insufficient_quota", "billing_hard_limit_reached", "billing_error", "credit_balance_exhausted"}
"""Error codes that come as 429 and do not pass with time."""
_TYPES: dict[str, ErrorCode] = {
    "authentication_error": "authentication",
    "permission_error": "authentication",
    "rate_limit_error": "rate-limited",
    "rate_limit_exceeded": "rate-limited",
    "invalid_request_error": "refused",
    "not_found_error": "refused",
    "request_too_large": "refused",
}
_PERMANENT = ("authentication", "refused", "not-configured")
_SECRET = re.compile(r"(?i)(bearer\s+|\b(?:sk|pk|rk|gsk|xai|key)-|\bAIza)[^\s\"',;]+")
_USER = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")


def failure(code: ErrorCode, detail: str, *, retry_after: float | None = None) -> ProviderError:
    """An error whose permanence follows from its code."""
    return ProviderError(detail, code=code, permanent=code in _PERMANENT, retry_after=retry_after)


def of_status(status: int, headers: Mapping[str, str], body: Any, secret: str) -> ProviderError:
    """What an HTTP answer that is no answer means. `body` is its decoded JSON, or anything else."""
    said = described(body, secret)
    shown = f"The provider answered {status} {_phrase(status)}".rstrip() + (f": {said}" if said else ".")
    wait = retry_after(headers)
    if status in (401, 403):  # its own words would quote a part of the key
        return failure("authentication", f"The provider did not accept the key ({status}).")
    if status in (408, 409, 429):
        spent = bool(SPENT & set(_names(body)))
        return ProviderError(shown, code="rate-limited", permanent=spent, retry_after=None if spent else wait)
    if status >= 500:
        return failure("unavailable", shown, retry_after=wait)
    return failure("refused", shown)


def in_stream(error: Any, secret: str) -> ProviderError:
    """What an error that arrives in the midst of an answer means."""
    names = _names({"error": error})
    said = described({"error": error}, secret)
    shown = "The provider broke off" + (f": {said}" if said else ".")
    if SPENT & set(names):
        return ProviderError(shown, code="rate-limited", permanent=True)
    code = next((_TYPES[name] for name in names if name in _TYPES), None)
    if code == "authentication":
        return failure(code, "The provider did not accept the key.")
    return failure(code or "unavailable", shown)


def described(body: Any, secret: str) -> str:
    """The provider's own words, short and without secrets; empty where it said nothing readable."""
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") if isinstance(error, dict) else error
    return redacted(message, secret)[:LONGEST_DETAIL] if isinstance(message, str) else ""


def redacted(text: str, secret: str) -> str:
    """The text without the key, without what looks like one, and without user names in addresses."""
    for form in {secret, quote(secret, safe="")} if secret else ():
        text = text.replace(form, "…")
    text = _USER.sub(r"\1…@", _SECRET.sub(r"\1…", text))
    return "".join(char if char.isprintable() else " " for char in text).strip()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds the provider asks us to wait; None where it does not say it in a way to be understood."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(headers["retry-after-ms"]) / 1000 if "retry-after-ms" in headers else float(said)
    except ValueError:
        seconds = _until(said)
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def _until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _names(body: Any) -> list[str]:
    error = body.get("error") if isinstance(body, dict) else None
    found = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
    return [name for name in found if isinstance(name, str)]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
