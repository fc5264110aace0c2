"""REST for analytics: what the caller's sessions used, as JSON or CSV."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from bus.exceptions import Invalid
from sessions_app import analytics
from sessions_app.api import shapes
from sessions_app.api.authentication import actor_of
from sessions_app.api.description.operations import Parameter, describes
from sessions_app.api.paging import decode_cursor, encode_cursor, limit_of, listed
from sessions_app.api.renderers import CSVRenderer, JSONRenderer
from sessions_app.api.views import Resource, storable, uuid_in

DAYS = 30
DEFAULT, MOST = 400, 1_000
"""Groups in a page: more than a year has days."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class AnalyticsView(Resource):
    """`analytics/`"""

    noun = "analytics"
    renderer_classes = (JSONRenderer, CSVRenderer)

    @describes(
        "analytics",
        gives=shapes.Report,
        media={"text/csv": {"type": "string"}},
        query=(
            Parameter("from", date, "the first day (UTC)"),
            Parameter("to", date, "the last day (UTC), by default today"),
            Parameter("group", str, "day, provider, model, session, several with commas; or total"),
            Parameter("provider", str, "only of this provider"),
            Parameter("model", str, "only of this model"),
            Parameter("session", UUID, "only of this session"),
            Parameter("limit", Annotated[int, Meta(ge=1, le=MOST)], f"groups of a page, by default {DEFAULT}"),
            Parameter("cursor", str, "where the page begins: the page before says it"),
            Parameter("format", Literal["json", "csv"], "instead of Accept"),
        ),
    )
    def get(self, request: Request) -> Response:
        """What the caller's sessions used from the day `from` to the day `to` in UTC, by default the last 30, by
        `group` (`day`, `provider`, `model`, `session`, several with commas, or `total`), only of `provider`, `model`,
        `session`. With `format=csv` a table."""
        asked = _asked(request)
        limit = asked.limit - 1
        found = analytics.groups(asked)
        cursor = encode_cursor(list(found[limit - 1].key)) if len(found) > limit else None
        response = listed(request, found[:limit], cursor, lambda group: _shown(group, asked))
        if request.accepted_renderer.format == "csv":
            response.data = as_csv(response.data["data"])
            response["Content-Disposition"] = 'attachment; filename="analytics.csv"'
        else:
            response.data |= {"from": asked.first, "to": asked.last, "group": list(asked.keys)}
        return response


def _asked(request: Request) -> analytics.Asked:
    """Raises Invalid."""
    given = request.query_params
    today = datetime.now(UTC).date()
    last = _day(request, "to", today)
    first = _day(request, "from", max(last, date.min + timedelta(DAYS)) - timedelta(DAYS - 1))
    keys = given.get("group", "day").split(",")
    if not set(keys) <= set(analytics.KINDS) or len(set(keys)) < len(keys) or ("total" in keys and len(keys) > 1):
        raise Invalid("'group' is total, or one or more of day, provider, model, session, each once.")
    limit = limit_of(request, DEFAULT, MOST)
    only: dict[str, Any] = {name: storable(given[name]) for name in ("provider", "model") if name in given}
    if (session := uuid_in(request, "session")) is not None:
        only["session"] = session
    beyond = decode_cursor(given["cursor"], tuple(analytics.KINDS[key] for key in keys)) if "cursor" in given else None
    for value in beyond or ():
        storable(str(value))
    return analytics.Asked(int(actor_of(request).id), first, last, keys, limit + 1, only, beyond)


def _day(request: Request, name: str, default: date) -> date:
    given = request.query_params.get(name)
    if given is None:
        return default
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Invalid(f"{name!r} must be a day like 2026-11-20, not {given!r:.40}.") from None


def _shown(group: analytics.Group, asked: analytics.Asked) -> dict[str, Any]:
    named = {name: value for name, value in zip(asked.keys, group.key, strict=True) if name != "total"}
    if named.get("session") == analytics.DELETED:
        named["session"] = None
    return named | group.figures


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """A table with a head, of what spreadsheets take for text or numbers, never for formulas."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return table.getvalue().encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
