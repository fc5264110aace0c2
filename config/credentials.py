"""What a WebSocket handshake shows to say who is calling: something a program put there itself, or a browser's cookie.

Read by the Origin check, which concerns cookies only, and by the sockets, which never look at a cookie where something
else was shown."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs

from sessions_app.accounts.secrets import bearer_in

MOST = 500
"""Characters; longer ones are none of ours."""


class Shown(NamedTuple):
    """A token or a ticket, as text. It may be anything."""

    kind: Literal["bearer", "ticket"]
    text: str


def shown(scope: Mapping[str, Any]) -> Shown | None:
    """What the handshake shows beside cookies: among the subprotocols, as an Authorization header, or as a ticket in
    the query string. The first counts."""
    for protocol in scope.get("subprotocols", ()):
        kind, dot, text = protocol.partition(".")
        if dot and kind == "bearer":
            return Shown("bearer", text[:MOST])
        if dot and kind == "ticket":
            return Shown("ticket", text[:MOST])
    for name, value in scope["headers"]:
        bearer = bearer_in(value.decode("latin-1")) if name == b"authorization" else None
        if bearer is not None:
            return Shown("bearer", bearer[:MOST])
    tickets = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
    return Shown("ticket", tickets[0][:MOST]) if tickets else None
