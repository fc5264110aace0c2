"""Which pages may open a WebSocket: a handshake carries cookies whoever's page makes it, so its Origin must be ours.

One that shows a token or a ticket is let in from anywhere: that is what counts then, and no cookie."""

from collections.abc import Iterable
from typing import Any

from config.credentials import shown
from config.edge import Application
from config.uploads import Receive, Send

_DEFAULT_PORTS = {"http://": ":80", "https://": ":443"}


class OriginCheck:
    """ASGI middleware: refuses (403) a handshake that does not name exactly one Origin, one of those allowed.

    Compared as text: browsers send the serialised form (RFC 6454, section 6.2), so whatever would need parsing (a user,
    a path, a backslash) is no browser's. The validator of Channels parses, and takes `http://evil\\@us` for us."""

    def __init__(self, application: Application, allowed: Iterable[str]) -> None:
        self.application = application
        self.allowed = frozenset(serialised(origin).encode("latin-1", "replace") for origin in allowed)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        given = [value.lower() for name, value in scope["headers"] if name == b"origin"]
        if shown(scope) is not None or (len(given) == 1 and given[0] in self.allowed):
            await self.application(scope, receive, send)
        else:
            await receive()  # websocket.connect
            await send({"type": "websocket.close"})


def serialised(origin: str) -> str:
    """A configured origin as browsers send it: in lower case, without the scheme's own port."""
    text = origin.lower().rstrip("/")
    for scheme, port in _DEFAULT_PORTS.items():
        if text.startswith(scheme):
            text = text.removesuffix(port)
    return text
