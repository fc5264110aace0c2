"""`schema/`, `docs/`, `asyncapi.json` and `/problems/<code>`: open to all, since they show what is in the source."""

from functools import cache
from hashlib import sha256
from typing import Any

import yaml
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from sessions_app.api.description import asyncapi, catalogue, openapi
from sessions_app.api.description.operations import describes
from sessions_app.api.problems import no_such_address, not_with
from sessions_app.api.renderers import JSONRenderer
from sessions_app.api.views import Resource

YAML = "application/yaml"
_OBJECT: dict[str, Any] = {"type": "object"}


class YamlRenderer(BaseRenderer):
    """YAML that is made already."""

    media_type = YAML
    format = "yaml"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """The document; refusals are objects, and small."""
        return data if isinstance(data, bytes) else yaml.safe_dump(data).encode()


@cache
def _openapi(media_type: str) -> bytes:
    return yaml.safe_dump(openapi.document(), sort_keys=False).encode() if media_type == YAML else openapi.encoded()


@cache
def _asyncapi() -> bytes:
    return asyncapi.encoded()


class Described(Resource):
    """Base of what describes the API."""

    noun = "schema"
    authentication_classes = ()
    permission_classes = (AllowAny,)


def _document(body: bytes) -> Response:
    response = Response(body)
    response["ETag"] = f'"{sha256(body).hexdigest()[:32]}"'
    return response


class SchemaView(Described):
    """`schema/`"""

    renderer_classes = (JSONRenderer, YamlRenderer)

    @describes("get_schema", media={"application/json": _OBJECT, YAML: _OBJECT})
    def get(self, request: Request) -> Response:
        """This document, as JSON or YAML (`Accept`, or `format=yaml`)."""
        return _document(_openapi(request.accepted_renderer.media_type))


class AsyncAPIView(Described):
    """`asyncapi.json`"""

    @describes("get_asyncapi", media={"application/json": _OBJECT})
    def get(self, request: Request) -> Response:
        """Sockets, events and notices, as an AsyncAPI document."""
        return _document(_asyncapi())


def docs_page(request: HttpRequest) -> HttpResponse:
    """The API's page for people: Swagger UI, from our own address."""
    if request.method not in ("GET", "HEAD"):
        return not_with(request, "GET, HEAD")
    response = render(request, "api/docs.html")
    # its style sheet holds a few icons as data
    response["Content-Security-Policy"] = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    return response


def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """What a kind of problem means and what to do: the address that problem documents have as their `type`."""
    if code not in catalogue.CATALOGUE:
        return no_such_address(request)
    shown = catalogue.shown(code)
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return HttpResponse(JSONRenderer().render(shown), content_type="application/json")
    return render(request, "api/problem.html", shown)
