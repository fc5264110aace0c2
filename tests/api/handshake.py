"""A WebSocket as a server hands it to our ASGI application, without a network: any headers, any frames."""

import asyncio
import json
from typing import Any, NamedTuple

from bus.live.hub import hub
from config.asgi import application

PATIENCE = 20


class Talk(NamedTuple):
    """What became of a handshake: whether it was accepted, the close code, the frames that came, the subprotocol."""

    accepted: bool
    code: int | None
    frames: list[dict[str, Any]]
    protocol: str | None = None


async def _converse(scope: dict[str, Any], frames: list[Any]) -> Talk:
    """Send the frames, one after each answer; ends when the server closes or the last one is answered."""
    given: asyncio.Queue[Any] = asyncio.Queue()
    got: asyncio.Queue[Any] = asyncio.Queue()
    given.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(application(scope, given.get, got.put))
    received: list[dict[str, Any]] = []
    accepted, code, protocol = False, None, None
    for frame in [None, *frames]:
        if frame is not None:
            given.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})
        said = await asyncio.wait_for(got.get(), PATIENCE)
        while accepted and "text" in said and "subscription" in json.loads(said["text"]):
            said = await asyncio.wait_for(got.get(), PATIENCE)
        if said["type"] == "websocket.accept":
            accepted, protocol = True, said.get("subprotocol")
        if "text" in said:
            received.append(json.loads(said["text"]))
        if said["type"] == "websocket.close":
            code = said.get("code")
            break
    if accepted and code is None and not frames:
        code = (await asyncio.wait_for(got.get(), PATIENCE)).get("code")
    given.put_nowait({"type": "websocket.disconnect", "code": 1000})
    await asyncio.wait_for(serving, PATIENCE)
    await hub().close()
    return Talk(accepted, code, received, protocol)


def handshake(
    headers: list[tuple[bytes, bytes]], *frames: Any, path: str = "/ws/v1/", query: str = "", protocols: Any = ()
) -> Talk:
    """Open a socket with these headers, query string and subprotocols, say these frames."""
    query_string, offered = query.encode(), list(protocols)
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": query_string,
        "headers": headers,
        "subprotocols": offered,
    }
    return asyncio.run(_converse(scope, list(frames)))


def headers_of(client: Any, *origins: str) -> list[tuple[bytes, bytes]]:
    """The handshake of a browser: its cookies, and an Origin header for each origin."""
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    return [(b"host", b"testserver"), (b"cookie", cookies.encode())] + [(b"origin", o.encode()) for o in origins]
