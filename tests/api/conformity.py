"""Holds answers against the API's own description: the status, the type, the headers, and every field of the body."""

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from sessions_app.api.description import openapi

Operation = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    """The description, in which objects have the fields that it names and no others."""
    made = openapi.document()
    made["components"]["schemas"] = _strict(made["components"]["schemas"])
    return made


def _strict(value: Any) -> Any:
    """A client is to ignore what it does not know; we are to describe all that we send."""
    if isinstance(value, list):
        return [_strict(item) for item in value]
    if not isinstance(value, dict):
        return value
    more = {} if value.get("title") == "Problem" else {"additionalProperties": False}
    return {**(more if "properties" in value else {}), **{name: _strict(item) for name, item in value.items()}}


@cache
def _addresses() -> list[tuple[re.Pattern[str], str]]:
    paths: list[str] = sorted(document()["paths"], key=lambda path: path.count("{"))  # what is said before what may be
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


def operation_at(method: str, address: str) -> tuple[str, Operation] | None:
    """The described operation behind an address, with its path; None: there is none."""
    asked = urlsplit(address).path
    found_paths = (path for pattern, path in _addresses() if pattern.fullmatch(asked))
    path = min(found_paths, key=lambda path: path.count("{"), default="")  # a word goes before an id
    method = "get" if method == "HEAD" else method.lower()
    found = document()["paths"].get(path, {}).get(method)
    return (path, found) if found else None


@cache
def _validator(pointer: tuple[str, ...]) -> Any:
    schema: Any = document()
    for step in pointer:
        schema = _resolved(schema)[step]
    whole = {**schema, "components": {"schemas": document()["components"]["schemas"]}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _resolved(schema: Any) -> Any:
    if "$ref" in schema:
        kind, name = schema["$ref"].split("/")[-2:]
        return document()["components"][kind][name]
    return schema


def check_described(method: str, address: str, answer: Any) -> None:
    """Fails where an answer is not one that the description has."""
    found = operation_at(method, address)
    if found is None or answer.status_code >= 500:
        return
    path, operation = found
    status = str(answer.status_code)
    said = f"{method} {path} {status}"
    if status not in operation["responses"] and "$ref" not in operation["responses"]["default"]:
        status = "default"  # of its own kind
    if status not in operation["responses"]:
        assert answer.status_code in (405, 408, 411), f"{said}: not described"
        return
    described = _resolved(operation["responses"][status])
    for name in set(described.get("headers", ())) - OPTIONAL - ({"ETag"} if method != "GET" else set()):
        assert name in answer, f"{said}: no {name}"
    content = described.get("content", {})
    kind = answer.get("Content-Type", "").partition(";")[0]
    if not content or method == "HEAD":
        assert method == "HEAD" or not answer.content, f"{said}: a body that is not described"
        return
    assert kind in content or "*/*" in content, f"{said}: {kind}"
    if kind.endswith("json") and kind in content:
        pointer = ("paths", path, method.lower(), "responses", status, "content", kind, "schema")
        errors = [f"{error.instance_path}: {error.message}" for error in _validator(pointer).iter_errors(answer.json())]
        assert errors == [], f"{said}: {errors[:3]}"


OPTIONAL = {"Link", "RateLimit", "RateLimit-Policy", "Retry-After"}
