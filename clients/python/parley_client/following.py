"""Following a session over a WebSocket that is opened again whenever it is lost."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from parley_client.errors import Disconnected, LogRestored, ParleyError
from parley_client.events import Event, Notice
from parley_client.http import pause

logger = logging.getLogger(__name__)

STAY_AWAY = 4400
"""From here on a close code says that coming back is of no use."""
TOKEN_EXPIRED, RESTORED = 4005, 4010
SUBPROTOCOL = "parley.v1"


async def follow(
    url: str,
    token: str,
    session: str,
    *,
    after: int | None,
    topics: Sequence[str],
    filters: Sequence[dict[str, Any]],
    notices: bool,
) -> AsyncGenerator[Event | Notice, None]:
    """Each event after `after` once, in order, for ever. Raises Disconnected, LogRestored, ParleyError."""
    wanted = {"session": session, "topics": list(topics), "filters": list(filters)}
    failures = 0
    while True:
        try:
            async with connect(_address(url), subprotocols=_protocols(token), open_timeout=10, max_size=None) as socket:
                head = await _subscribe(socket, {**wanted, "after": after})
                after = head if after is None else after  # from now on: what comes while we are away counts, too
                async for frame in socket:
                    failures = 0
                    told = json.loads(frame)
                    if "event" in told:
                        event = Event.of(told["event"])
                        after = event.version
                        yield event
                    elif notices and "notice" in told:
                        yield Notice.of(told["notice"])
                _judge(socket)
        except ConnectionClosed:
            _judge(socket)
        except (OSError, TimeoutError, InvalidHandshake) as error:
            logger.info("%s cannot be reached: %r", url, error)
        failures += 1
        await pause(min(failures, 8))


async def _subscribe(socket: ClientConnection, params: dict[str, Any]) -> int:
    await socket.send(json.dumps({"id": 1, "method": "subscribe", "params": params}))
    answer = json.loads(await socket.recv())
    if "error" in answer:
        problem = answer["error"]
        raise ParleyError(problem["status"], problem["code"], problem["detail"], problem)
    if answer["result"].get("reset"):
        raise LogRestored(answer["result"]["head"])
    return int(answer["result"]["head"])


def _judge(socket: ClientConnection) -> None:
    """Whether to come back after this close. Raises Disconnected or LogRestored."""
    code, reason = socket.close_code or 1006, socket.close_reason or ""
    if code == RESTORED:
        raise LogRestored(None)
    if code >= STAY_AWAY or code == TOKEN_EXPIRED:
        raise Disconnected(code, "disconnected", reason)
    logger.info("the socket was closed with %s %s; coming back", code, reason)


def _address(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(scheme="wss" if parts.scheme == "https" else "ws", path=f"{parts.path}/ws/v1/").geturl()


def _protocols(token: str) -> list[Subprotocol]:
    """The token travels in a header, never in the address."""
    return [Subprotocol(SUBPROTOCOL), Subprotocol(f"bearer.{token}")]
