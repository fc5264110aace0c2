"""The OpenAPI document: drf-spectacular walks the addresses, and each operation is made of what its view declares, of
the commands' own types and of the catalogue of problems."""

import inspect
import re
from typing import Any

import msgspec
import uritemplate
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from rest_framework.permissions import AllowAny

from bus.registry import default as registered
from sessions_app.api.description.bodies import JSON, body_of
from sessions_app.api.description.catalogue import CATALOGUE
from sessions_app.api.description.components import Collected, Schema, schemas, shared
from sessions_app.api.description.operations import Operation, declared

READS = ("GET", "HEAD")


class DescribedSchema(AutoSchema):
    """What `declared` says of a method, as OpenAPI has it. A method that declares nothing is described as far as its
    address tells (and fails a test)."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> Schema | None:
        """One operation of the document."""
        self.registry, self.path, self.path_regex = registry, path, path_regex
        self.path_prefix, self.method = path_prefix, method.upper()
        operation = declared(self.view, method) or Operation()
        collected = _collected(registry)
        summary, description = _words(self._documentation(operation))
        body = None if self.method in READS else body_of(operation, self.view, path, collected)
        described: Schema = {
            "operationId": operation.name or self._command() or f"{method.lower()}_{re.sub(r'[^a-z]+', '_', path)}",
            "summary": summary,
            "description": description,
            "tags": ["description" if getattr(self.view, "noun", "") == "schema" else _tag(path)],
            "parameters": self._asked(operation),
            "requestBody": body,
            "security": [] if self._open() else [{"session": []}, {"token": []}],
            "responses": self._responses(operation, collected, body is not None),
        }
        return {name: value for name, value in described.items() if value or name == "security"}

    def map_renderers(self, attribute: str) -> list[Any]:
        """Nothing: media types are declared, and no address has them as an ending."""
        return []

    def _command(self) -> str:
        return str(getattr(self.view, "command", "")).replace("-", "_")

    def _documentation(self, operation: Operation) -> str:
        named = getattr(self.view, "command", "")
        kind = registered.commands.get(named) if not operation.name else None
        return inspect.getdoc(kind or getattr(self.view, self.method.lower())) or ""

    def _open(self) -> bool:
        return any(permission is AllowAny for permission in self.view.permission_classes)

    def _asked(self, operation: Operation) -> list[Schema]:
        named_in_path = uritemplate.variables(self.path)
        in_path = self._resolve_path_parameters(named_in_path)  # type: ignore[no-untyped-call]
        own = [
            {
                "name": parameter.name,
                "in": "query",
                "description": parameter.meaning,
                "required": parameter.required,
                "schema": schemas([parameter.kind])[0][0],
            }
            for parameter in operation.query
        ]
        named = [*(["limit", "cursor"] if operation.paged else []), *self._headers(operation)]
        return [*in_path, *own, *({"$ref": f"#/components/parameters/{name}"} for name in named)]

    def _headers(self, operation: Operation) -> list[str]:
        if self.method in READS:
            return [*(["IfNoneMatch"] if operation.etag else []), *operation.headers]
        asked = ["IdempotencyKey"] if self.method == "POST" else []
        asked += ["Prefer"] if operation.async_too else []
        return [*asked, "IfMatchRequired" if operation.if_match == "required" else "IfMatch", *operation.headers]

    def _responses(self, operation: Operation, collected: Collected, has_body: bool) -> Schema:
        answers = {operation.status: operation.gives, **operation.also}
        given = {str(status): self._answer(operation, status, kind, collected) for status, kind in answers.items()}
        if self.method in READS and operation.etag:
            given["304"] = {"description": "Nothing has changed.", "headers": _headers_named(["ETag"])}
        if operation.errors is not None:
            schema = collected.schema(operation.errors)
            return {**given, "default": {"description": "A refusal.", "content": {JSON: {"schema": schema}}}}
        refused = self._statuses(operation, has_body=has_body)
        collected.statuses |= refused
        refusals = {str(status): {"$ref": f"#/components/responses/Refused{status}"} for status in sorted(refused)}
        return {**given, **refusals, "default": {"$ref": "#/components/responses/Refused"}}

    def _answer(self, operation: Operation, status: int, kind: Any, collected: Collected) -> Schema:
        done = status < 300 and status != 204
        headers = ["X-Request-ID", *(["ETag"] if operation.etag and done else [])]
        headers += ["Location"] if status in (201, 202) and operation.located else ["Link"] if operation.paged else []
        answer: Schema = {"description": _REASONS.get(status, "Done."), "headers": _headers_named(headers)}
        media = {name: {"schema": schema} for name, schema in operation.media.items()} if done else {}
        if kind is not None:
            media = {JSON: {"schema": collected.schema(kind)}, **media}
        return {**answer, "content": media} if media else answer

    def _statuses(self, operation: Operation, *, has_body: bool) -> set[int]:
        """What such a request can be refused with; the rest comes as `default`."""
        always = {400, 404, 406, 429, 503} | (set() if self._open() else {401, 403})
        always |= {422} if operation.query or operation.paged else set()
        if self.method not in READS:
            always |= {409, 422, *({413, 415} if has_body else ())}
            always.add(412)
        always |= {428} if operation.if_match == "required" else set()
        return always | {CATALOGUE[code].status for code in operation.codes}


_REASONS = {
    200: "Done.",
    201: "Made.",
    202: "Accepted; it goes on.",
    204: "Gone.",
    206: "A part.",
    416: "There is no such part.",
}


def _headers_named(names: list[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _tag(path: str) -> str:
    """`/api/v1/sessions/{id}/messages/{id}/edit/` is about messages."""
    words = re.sub(r"^/api/v\d+/", "", path).strip("/").split("/")
    deeper = [word for word in words[1:] if not word.startswith("{")]
    return deeper[0] if words[0] == "sessions" and len(words) > 2 and deeper else words[0]


def _words(documentation: str) -> tuple[str, str]:
    """A docstring's first sentence, and all of it."""
    text = " ".join(documentation.split())
    first = re.match(r".*?[^.…][.;](?=\s|$)", text)
    return (first[0].rstrip(".;") if first else text), text


def no_request(*_: Any, **__: Any) -> None:
    """What we describe depends on nobody's request."""


class Collecting(ComponentRegistry):
    """Goes from operation to operation, and takes along what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.collected = Collected()


def _collected(registry: ComponentRegistry) -> Collected:
    assert isinstance(registry, Collecting)
    return registry.collected


class Generator(SchemaGenerator):
    """drf-spectacular's, with our components."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.registry = Collecting()

    def get_schema(self, request: Any = None, public: bool = True) -> Schema:
        """The whole document."""
        document: Schema = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        collected = _collected(self.registry)
        document["components"] = shared(collected.named, collected.statuses)
        return document


def document() -> Schema:
    """The document as plain JSON values. Takes a moment; the view keeps it."""
    return Generator().get_schema()


def encoded() -> bytes:
    """The document as a file."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1) + b"\n"
