"""Static files in front of the application, on ASGI and WSGI alike: from the apps' own folders, no collecting step."""

from typing import Any, TypeVar

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from servestatic.base import ServeStaticBase

Server = TypeVar("Server", bound=ServeStaticBase)


def with_static(server: type[Server], application: Any) -> Server:
    """The application behind `server`, which answers for every static file Django's finders know.

    With DEBUG files are looked up at each request; else once, at start."""
    made: Server = server(
        application, autorefresh=settings.DEBUG, allow_all_origins=False, add_headers_function=_harden
    )
    for finder in get_finders():
        for storage in getattr(finder, "storages", {}).values():
            made.add_files(storage.location, prefix=settings.STATIC_URL)
    return made


def _harden(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
