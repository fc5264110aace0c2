"""Conditional reads: every answer to GET has an ETag, and 304 is said to who has it already (RFC 9110, 13.1.2)."""

from hashlib import blake2b
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

_OF_A_BODY = ("Content-Type", "Content-Disposition", "Content-Length")
"""What a 304 does not say: it has no body, and servers cut a connection whose length is not kept."""


def conditional(request: Request, response: HttpResponseBase) -> HttpResponseBase:
    """The answer to a read with its ETag, the version where it has one, else a weak hash of the body; or 304."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        return response
    if response.get("Cache-Control") == "no-store":  # an event stream
        return response
    response.setdefault("Cache-Control", "private, no-cache")
    asked = request.headers.get("If-None-Match", "")
    if not isinstance(response, Response):
        return _unsent(response) if matches(asked, response.get("ETag", "")) else response
    if "ETag" not in response:
        response.add_post_render_callback(lambda rendered: _hashed(rendered, asked))
    elif matches(asked, response["ETag"]):
        response.status_code, response.data = 304, None
    return response


def _unsent(response: Any) -> HttpResponseBase:
    """304 in place of a file, which is closed when the answer is (closing it here would end the request)."""
    kept = {name: value for name, value in response.items() if name not in _OF_A_BODY}
    unsent: Any = HttpResponse(status=304, headers=kept)
    del unsent["Content-Type"]
    unsent._resource_closers.extend(response._resource_closers)
    return unsent  # type: ignore[no-any-return]


def matches(asked: str, tag: str) -> bool:
    """Whether If-None-Match names the tag, compared weakly."""
    here = tag.removeprefix("W/")
    return any(given == "*" or given.removeprefix("W/") == here for given in parse_etags(asked)) if asked else False


def _hashed(response: Any, asked: str) -> None:
    response["ETag"] = f'W/"{blake2b(response.content, digest_size=12).hexdigest()}"'
    if matches(asked, response["ETag"]):
        response.status_code, response.content = 304, b""
        del response["Content-Type"]
