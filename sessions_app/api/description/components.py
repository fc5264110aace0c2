"""Types of ours as JSON schemas, and the parts of the OpenAPI document that all operations share."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from bus.messages import KEY_PATTERN
from sessions_app.api import shapes
from sessions_app.api.description.catalogue import CATALOGUE

Schema = dict[str, Any]
AT = "#/components/schemas/{name}"
PROBLEM = "application/problem+json"


def schemas(kinds: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schemas of types, and those they refer to by name."""
    found, named = msgspec.json.schema_components(list(kinds), schema_hook=_schema_hook, ref_template=AT)
    return list(map(_portable, found)), {name: _portable(schema) for name, schema in named.items()}


def _schema_hook(kind: type) -> Schema:
    """What msgspec has no schema for: raw JSON."""
    if kind is msgspec.Raw:
        return {}
    raise NotImplementedError(kind)


def _portable(value: Any) -> Any:
    """Patterns as JavaScript has them, which JSON Schema asks for; docstrings without their line breaks."""
    if isinstance(value, dict):
        return {key: _WORDS.get(key, _portable)(item) for key, item in value.items()}
    return [_portable(item) for item in value] if isinstance(value, list) else value


def _pattern(value: Any) -> Any:
    return re.sub(r"\\Z$", "$", value) if isinstance(value, str) else _portable(value)


def _description(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else _portable(value)


_WORDS: dict[str, Callable[[Any], Any]] = {"pattern": _pattern, "description": _description}


class Collected:
    """The schemas that operations refer to, and the statuses they can be refused with."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}
        self.statuses: set[int] = set()

    def schema(self, kind: Any) -> Schema:
        """The schema of a type, or of any of several, whose parts are kept by name."""
        found, named = schemas(kind if isinstance(kind, tuple) else [kind])
        self.named |= named
        return found[0] if len(found) == 1 else {"anyOf": found}

    def keep(self, name: str, schema: Schema) -> Schema:
        """Keeps a schema under a name; the reference to it."""
        self.named[name] = schema
        return {"$ref": AT.format(name=name)}


HEADERS: dict[str, Schema] = {
    "ETag": {
        "description": 'The version of what was read: of a session and what is in it `"v61"`.',
        "schema": {"type": "string"},
    },
    "Location": {"description": "Where what was begun can be read.", "schema": {"type": "string", "format": "uri"}},
    "Link": {"description": 'The next page: `<…>; rel="next"`.', "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}},
    "RateLimit": {
        "description": 'What is left: `"writes";r=98;t=1`, requests and the seconds until all are there again.',
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": 'The limit: `"writes";q=100;w=10`, so many requests in so many seconds.',
        "schema": {"type": "string"},
    },
    "X-Request-ID": {"description": "The request's id, as in problem documents.", "schema": {"type": "string"}},
}

PARAMETERS: dict[str, Schema] = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag of the last read: the change is refused (412) where the session has moved on.",
        "schema": {"type": "string", "pattern": r'^\s*(\*|(W/)?"v\d{1,18}")\s*$'},
        "example": '"v61"',
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the last read: 304 where nothing has changed.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A repeated request with this key has one effect and gets the first result, for 24 hours.",
        "schema": {"type": "string", "pattern": re.sub(r"\\Z$", "$", KEY_PATTERN)},
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async`: a worker does it, and the answer is where to ask for its state.",
        "schema": {"type": "string"},
        "example": "respond-async",
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "One range of bytes.",
        "schema": {"type": "string"},
        "example": "bytes=0-99",
    },
    "IfRange": {
        "name": "If-Range",
        "in": "header",
        "description": "The ETag that the range is of; of anything else the whole is given.",
        "schema": {"type": "string"},
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Of an event stream: the last version that is known, instead of `after`.",
        "schema": {"type": "string", "pattern": r"^\d{0,18}$"},
    },
    "limit": {
        "name": "limit",
        "in": "query",
        "description": "Rows of a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    },
    "cursor": {
        "name": "cursor",
        "in": "query",
        "description": "`next_cursor` of the page before.",
        "schema": {"type": "string"},
    },
}

PARAMETERS["IfMatchRequired"] = {**PARAMETERS["IfMatch"], "required": True}

SECURITY: dict[str, Schema] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The browser's login. Writes need the CSRF token of the cookie `csrftoken` as `X-CSRFToken`.",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "A token, within its scopes."},
}


def refusal(status: int) -> Schema:
    """The problem documents of one status."""
    codes = {code: kind for code, kind in CATALOGUE.items() if kind.status == status}
    examples = {code: {"value": _example(code, status, kind.title, kind.meaning)} for code, kind in codes.items()}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _headers(status)}
    return {
        "description": "; ".join(f"`{code}`: {kind.title}" for code, kind in codes.items()) + ".",
        "headers": headers,
        "content": {PROBLEM: {"schema": {"$ref": AT.format(name="Problem")}, "examples": examples}},
    }


def _headers(status: int) -> list[str]:
    more = ["Retry-After", "RateLimit", "RateLimit-Policy"] if status == 429 else []
    return ["X-Request-ID", *more, *(["Retry-After"] if status == 503 else [])]


def _example(code: str, status: int, title: str, detail: str) -> Schema:
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/api/v1/sessions/",
        "code": code,
        "request_id": "0198f2c4-aaaa-7000-8000-00000000000a",
    }


def shared(named: dict[str, Schema], statuses: Iterable[int]) -> Schema:
    """The components of the document; `named` are the schemas that operations refer to."""
    (_,), problems = schemas([shapes.Problem])
    refusals = {f"Refused{status}": refusal(status) for status in sorted(set(statuses))}
    other = {"description": "Any other refusal.", "content": refusal(400)["content"]}
    other["content"] = {PROBLEM: {"schema": {"$ref": AT.format(name="Problem")}}}
    return {
        "schemas": dict(sorted((named | problems).items())),
        "responses": {**refusals, "Refused": other},
        "headers": HEADERS,
        "parameters": PARAMETERS,
        "securitySchemes": SECURITY,
    }
