"""The WebSocket application: authenticates, then pumps frames between the transport and a Connection.

A plain ASGI application rather than a Channels consumer: those make a channel per socket and pass every frame through
Django's one shared thread."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django.conf import settings
from psycopg_pool import PoolTimeout

from bus.exceptions import BusError, Invalid, NotFound
from bus.live import hub as hubs
from bus.live.broadcast import CONTROL_GROUP
from bus.live.connection import Connection
from bus.live.identity import Credential, identified
from bus.live.limits import Pace
from bus.live.protocol import SUBPROTOCOL, CloseCode, Hangup, Subscribe
from bus.messages import Actor

logger = logging.getLogger(__name__)

AGAIN = 1.0
"""Seconds after which somebody who was doubted is looked at again."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class LiveConsumer:
    """Subclass it with what `connection.Rights` asks for and `credential`; the instance is an ASGI application."""

    async def credential(self, scope: Scope) -> Credential | None:
        """What the handshake shows to say who is calling; None: nothing that is good."""
        raise NotImplementedError

    def credential_of(self, token: str) -> Credential:
        """The credential that a token is."""
        raise NotImplementedError

    async def readable(self, actor: Actor, sessions: Sequence[UUID]) -> Collection[UUID]:
        """Those of the sessions that the actor may read; deny unless allowed."""
        raise NotImplementedError

    def account_of(self, actor: Actor) -> UUID:
        """The stream of the actor's own account."""
        raise NotImplementedError

    async def follow_list(self, actor: Actor) -> None:
        """From now on, tell the readers of the actor's account of changes in the actor's list of sessions."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hub = hubs.hub()
        hub.open_sockets += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            hub.open_sockets -= 1

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await accept(scope, receive, send)
        hub = hubs.hub()
        hub.listen(CONTROL_GROUP)
        heard = hub.control.heard
        try:
            connection = await self._connection(scope)
            with hub.seats.taken(connection.actor):
                await self._converse(scope, connection, heard, receive, send)
        except Hangup as hangup:
            await self._close(send, hangup)
        except PoolTimeout as error:
            logger.warning("the log could not be read for a socket: %s", error)
            await self._close(send, Hangup(CloseCode.UNAVAILABLE, "the log cannot be read right now; come back"))
        except Exception:  # the outermost edge of a socket
            logger.exception("socket failed")
            await self._close(send, Hangup(CloseCode.UNAVAILABLE, "something failed here; come back"))

    async def _connection(self, scope: Scope) -> Connection:
        if hubs.hub().draining:  # before a ticket is used up
            raise Hangup(CloseCode.GOING_AWAY, "this server is going away; come back")
        identity = await identified(await self.credential(scope))
        return Connection(identity, self, (settings.BUS_SOCKET_ITEMS, settings.BUS_SOCKET_BYTES))

    async def _converse(self, scope: Scope, connection: Connection, heard: int, receive: Receive, send: Send) -> None:
        hub = hubs.hub()

        def leave() -> None:
            connection.hang_up(CloseCode.GOING_AWAY, "this server is going away; come back", after_queue=True)

        hub.connections.add(leave)
        reading = asyncio.create_task(self._read(scope, connection, receive))
        writing = asyncio.create_task(self._write(connection, send))
        ending = asyncio.create_task(connection.outbox.ended.wait())
        watching = asyncio.create_task(self._watch(connection, heard))
        try:
            await asyncio.wait((reading, ending), return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and reading.exception() is None:
                return  # the client has left
            if reading.done():
                connection.outbox.close(_reason(reading), keep=True)
            # what is still queued goes out first, unless the reader does not read
            await asyncio.wait((writing,), timeout=settings.BUS_CLOSE_TIMEOUT)
            raise connection.outbox.closed or Hangup(CloseCode.UNAVAILABLE)
        finally:
            hub.connections.discard(leave)
            for task in (reading, writing, ending, watching):
                task.cancel()
            await asyncio.gather(reading, writing, ending, watching, return_exceptions=True)
            connection.close()

    async def _read(self, scope: Scope, connection: Connection, receive: Receive) -> None:
        """Frames are handled one after the other: a client that sends faster than it is served is slowed down."""
        if "session" in scope.get("url_route", {}).get("kwargs", {}):
            await self._subscribe_by_path(scope, connection)
        pace = Pace(settings.BUS_FRAMES_PER_SECOND)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            pace.step()
            await connection.identity.still()
            await connection.receive(message.get("text"), message.get("bytes"))

    async def _watch(self, connection: Connection, heard: int) -> None:
        """A socket that only listens is looked after, too: now and then, when its token expires, and at once when
        somebody says that its owner's rights have become fewer (or has said so since `heard`)."""
        control = hubs.hub().control
        with control.watching(str(connection.actor), connection.doubt):
            if control.heard != heard:
                connection.doubt()
            soon = False
            while True:
                usual = min(settings.BUS_REAUTHENTICATE, max(AGAIN, connection.identity.seconds_left()))
                doubted = await connection.doubted_within(AGAIN if soon else usual)
                try:
                    await connection.look_again()
                    soon = doubted  # once more: a log-out is said a moment before it is written
                except Hangup as hangup:
                    connection.outbox.close(hangup)
                    return
                except Exception as error:  # the database is away: not the reader's fault
                    logger.warning("could not look after a socket: %r", error)
                    soon = soon or doubted

    async def _subscribe_by_path(self, scope: Scope, connection: Connection) -> None:
        try:
            wanted = Subscribe(session=session_of(scope), after=after_of(scope))
            connection.reply({"id": None, "result": await connection.subscribe(wanted)})
        except NotFound as error:
            connection.reply({"id": None, "error": error.as_problem()})
            raise Hangup(CloseCode.UNKNOWN, error.detail) from None
        except BusError as error:
            connection.reply({"id": None, "error": error.as_problem()})
            raise Hangup(_code_for(error), error.detail) from None

    async def _write(self, connection: Connection, send: Send) -> None:
        while True:
            await send({"type": "websocket.send", "text": await connection.outbox.get()})

    async def _close(self, send: Send, hangup: Hangup) -> None:
        """Say why, if the reader still reads; jitter spreads the come-back after a restart."""
        if hangup.code == CloseCode.GOING_AWAY:
            await asyncio.sleep(random.uniform(0, settings.BUS_DRAIN_SPREAD))
        try:
            async with asyncio.timeout(settings.BUS_CLOSE_TIMEOUT):
                await send({"type": "websocket.close", "code": hangup.code, "reason": hangup.reason[:120]})
        except Exception as error:  # the peer is gone or not reading; the server ends the connection
            logger.debug("could not say goodbye: %r", error)


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake: in any case, a refusal before it reaches a browser without code and reason. Of the
    subprotocols only ours is named again; a token that came among them is not."""
    await receive()  # websocket.connect
    ours = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
    await send({"type": "websocket.accept", "subprotocol": ours})


def after_of(scope: Scope) -> int | None:
    """The `after` of the query string. Raises Invalid."""
    values = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("after")
    if not values:
        return 0
    if not (values[0].isascii() and values[0].isdigit() and len(values[0]) < 19):
        raise Invalid(f"'after' must be a version number, not {values[0][:40]!r}.")
    return int(values[0])


def session_of(scope: Scope) -> UUID:
    """The session of the path. Raises NotFound: what is no id names nothing."""
    text = scope["url_route"]["kwargs"]["session"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no session {text[:40]!r}.") from None


class Nowhere:
    """Answers sockets to unknown addresses with a reason instead of a bare refusal."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await accept(scope, receive, send)
        await send({"type": "websocket.close", "code": CloseCode.UNKNOWN, "reason": "there is nothing at this address"})


def _code_for(error: BusError) -> int:
    return CloseCode.FORBIDDEN if error.status == 403 else CloseCode.BAD_FRAME


def _reason(ended: asyncio.Task[None]) -> Exception:
    error = ended.exception()
    return error if isinstance(error, Exception) else Hangup(CloseCode.UNAVAILABLE, "something failed here; come back")
