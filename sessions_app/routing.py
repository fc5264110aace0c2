"""The WebSocket addresses."""

from typing import Any

from django.urls import path, re_path

from bus.live.consumers import Nowhere
from sessions_app.consumers import SessionsConsumer

consumer: Any = SessionsConsumer()  # Channels routes ASGI applications where Django's stubs expect views
nowhere: Any = Nowhere()

websocket_urlpatterns = [
    path("ws/v1/", consumer),
    path("ws/sessions/<str:session>/", consumer),
    re_path(r"", nowhere),
]
