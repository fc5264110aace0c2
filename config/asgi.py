"""The ASGI application for uvicorn, daphne or any other server: Django for HTTP, Channels routing for sockets."""

import os
from collections.abc import MutableMapping
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)  # before the imports below: they need the apps

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from config.downloads import Downloads  # noqa: E402
from config.edge import Edge  # noqa: E402
from config.handler import OneThreadHandler  # noqa: E402
from config.origins import OriginCheck  # noqa: E402
from config.static import with_static  # noqa: E402
from config.streams import Places, Streams  # noqa: E402
from config.uploads import Uploads  # noqa: E402
from sessions_app.consumers import caller  # noqa: E402
from sessions_app.routing import websocket_urlpatterns  # noqa: E402

routes = ProtocolTypeRouter(
    {
        "http": OneThreadHandler(),
        "websocket": OriginCheck(URLRouter(websocket_urlpatterns), settings.ALLOWED_ORIGINS),
    }
)


async def who(scope: MutableMapping[str, Any]) -> str | None:
    """Whose request it is."""
    actor = await caller(scope)
    return str(actor) if actor is not None else None


bounded = Edge(
    with_static(ServeStaticASGI, routes),
    body_limit=settings.BODY_LIMIT,
    concurrency=settings.MAX_CONCURRENT_REQUESTS,
    body_timeout=settings.BODY_TIMEOUT,
    send_timeout=settings.SEND_TIMEOUT,
    slowest=settings.SLOWEST_DOWNLOAD,
    downloads=Downloads(who, each=settings.DOWNLOADS_PER_USER),
    uploads=Uploads(
        who,
        limit=settings.UPLOAD_LIMIT,
        most=settings.MAX_CONCURRENT_UPLOADS,
        each=settings.UPLOADS_PER_USER,
        timeout=settings.UPLOAD_TIMEOUT,
        folder=settings.FILE_UPLOAD_TEMP_DIR,
    ),
)
application = Streams(
    bounded,
    who,
    places=Places(each=settings.STREAMS_PER_USER, most=settings.MAX_STREAMS),
    send_timeout=settings.SEND_TIMEOUT,
)
