"""The WSGI application: REST and pages without sockets, for processes that serve nothing live."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()  # before the imports below: they need the apps

import msgspec  # noqa: E402
from servestatic import ServeStatic  # noqa: E402

from config.edge import document  # noqa: E402
from config.static import with_static  # noqa: E402


def with_length(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Refuses bodies sent in chunks: WSGI has no way to say where they end, and Django would read them as empty."""
    if "HTTP_TRANSFER_ENCODING" not in environ or environ.get("CONTENT_LENGTH"):
        return django_application(environ, start_response)
    detail = "Send a Content-Length; bodies in chunks are not read here."
    body = msgspec.json.encode(document("length-required", 411, detail, environ.get("PATH_INFO", "")))
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    start_response("411 Length Required", headers)
    return [body]


application = with_static(ServeStatic, with_length)
