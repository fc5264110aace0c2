"""The WSGI application: REST and pages without sockets, for processes that serve nothing live."""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_wsgi_application()  # before the imports below: they need the apps

import msgspec  # noqa: E402
from django.conf import settings  # noqa: E402
from servestatic import ServeStatic  # noqa: E402

from config.edge import document  # noqa: E402
from config.static import with_static  # noqa: E402
from config.uploads import takes_uploads  # noqa: E402


def bounded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Refuses bodies over the limit, which Django would read into a file where they are uploads, and bodies sent in
    chunks: WSGI has no way to say where they end, and Django would read them as empty."""
    length = environ.get("CONTENT_LENGTH") or ""
    uploads = takes_uploads(environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", ""))
    limit = settings.UPLOAD_LIMIT if uploads else settings.BODY_LIMIT
    if length.isdigit() and int(length[:20]) > limit:
        detail = f"The body may have at most {limit} bytes."
        return _refused(environ, start_response, "413 Content Too Large", ("too-large", 413, detail))
    if "HTTP_TRANSFER_ENCODING" in environ and not length:
        detail = "Send a Content-Length; bodies in chunks are not read here."
        return _refused(environ, start_response, "411 Length Required", ("length-required", 411, detail))
    return django_application(environ, start_response)


def _refused(
    environ: dict[str, Any], start_response: Callable[..., Any], status: str, why: tuple[str, int, str]
) -> Iterable[bytes]:
    body = msgspec.json.encode(document(*why, environ.get("PATH_INFO", "")))
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    start_response(status, headers)
    return [body]


application = with_static(ServeStatic, bounded)
