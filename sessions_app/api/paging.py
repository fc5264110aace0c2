"""Keyset lists: `{data, has_more, next_cursor}` and a `Link` to the next page. Page 1,000 costs what page 1 costs."""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid

DEFAULT = 20
MOST = 100


def limit_of(request: Request, default: int = DEFAULT, most: int = MOST) -> int:
    """`limit`, 1 to `most`. Raises Invalid."""
    given = request.query_params.get("limit", str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= most):
        raise Invalid(f"'limit' must be between 1 and {most}, not {given[:20]!r}.")
    return int(given)


def whole_number(request: Request, name: str, default: int | None = None) -> int | None:
    """A query parameter that is a whole number of at most 18 digits. Raises Invalid."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise Invalid(f"{name!r} must be a whole number, not {given[:40]!r}.")
    return int(given)


def moment_in(request: Request, name: str) -> datetime | None:
    """A query parameter that is a moment (RFC 3339), or a day, which begins at midnight UTC. Raises Invalid."""
    given = request.query_params.get(name)
    if not given:
        return None
    text = given.strip().replace(" ", "+")  # what a + in an address means
    try:
        converted: datetime = _as(datetime, text if "T" in text.upper() else f"{text}T00:00:00Z")
    except (ValueError, OverflowError, msgspec.ValidationError):
        raise Invalid(f"{name!r} must be a moment like 2026-11-20T09:00:00Z, or a day.") from None
    return converted


def encode_cursor(values: list[Any]) -> str:
    """The key of the last row, opaque to the client."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: tuple[type, ...]) -> list[Any]:
    """The inverse, as values of `kinds`. Raises Invalid."""
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(kinds):
            raise ValueError
        return [_as(kind, value) for value, kind in zip(values, kinds, strict=True)]
    except (ValueError, OverflowError, RecursionError, binascii.Error, msgspec.MsgspecError):
        raise Invalid("This cursor is not one this list has given out.") from None


def _as(kind: type, value: Any) -> Any:
    """One value of a cursor; moments in UTC, since PostgreSQL does not take every zone that Python does."""
    converted: Any = msgspec.convert(value, kind)
    if not isinstance(converted, datetime):
        return converted
    if converted.tzinfo is None:
        raise ValueError
    return converted.astimezone(UTC)


def keyset(
    request: Request, rows: QuerySet[Any], order: tuple[str, ...], kinds: tuple[type, ...]
) -> tuple[list[Any], str | None]:
    """One page of a query set ordered by `order` (all descending or all ascending), and the next page's cursor."""
    limit = limit_of(request)
    cursor = request.query_params.get("cursor")
    if cursor:
        rows = rows.filter(_beyond(order, decode_cursor(cursor, kinds)))
    found: list[Model] = list(rows.order_by(*order)[: limit + 1])
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], encode_cursor([getattr(last, name.lstrip("-")) for name in order])


def _beyond(order: tuple[str, ...], values: list[Any]) -> Q:
    """Rows after the given key: `(a, b) < (x, y)` spelled so that PostgreSQL can use the index."""
    first = order[0].lstrip("-")
    comparison = "lt" if order[0].startswith("-") else "gt"
    if len(order) == 1:
        return Q(**{f"{first}__{comparison}": values[0]})
    second = order[1].lstrip("-")
    return Q(**{f"{first}__{comparison}e": values[0]}) & (
        Q(**{f"{first}__{comparison}": values[0]}) | Q(**{f"{second}__{comparison}": values[1]})
    )


def listed(request: Request, rows: list[Any], next_cursor: str | None, shape: Callable[[Any], Any]) -> Response:
    """The page as an answer."""
    response = Response(
        {"data": [shape(row) for row in rows], "has_more": next_cursor is not None, "next_cursor": next_cursor}
    )
    if next_cursor is not None:
        query = request.query_params.copy()
        query["cursor"] = next_cursor
        response["Link"] = f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    return response
