"""Answers that go on after Django is done: a view leaves a flow in the request's handover; when the request's thread
and its database connection are free again, the flow is run here, on the loop. In front of the edge, whose places and
times are for requests."""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from bus.exceptions import BusError, SubscriberTooSlow
from config import health
from config.edge import Application
from config.uploads import Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

KEY = "parley.handover"


class TooManyStreams(BusError):
    """You read as many event streams as one may; close one of them."""

    code = "rate-limited"
    status = 429


class NoPlace(BusError):
    """This server sends as many event streams as it can; try again."""

    code = "unavailable"
    status = 503


class Flow(Protocol):
    """What goes on: `bus.live.sse.Flow`, or anything else that writes."""

    async def run(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write until it is over."""

    async def gone(self) -> None:
        """The client went away before it was."""


class LateFlow(Flow, Protocol):
    """One that knows only when it writes its first piece how the answer begins."""

    def beginning(self, message: Message) -> Message:
        """The `http.response.start` there is, with another status or other headers."""


class Places:
    """So many streams at a time, of each user and of the process. Entered from the threads of requests."""

    def __init__(self, *, each: int, most: int) -> None:
        self.each = each
        self.most = most
        self.open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, who: str) -> None:
        """Raises TooManyStreams or NoPlace."""
        with self._lock:
            if self.open[who] >= self.each:
                raise TooManyStreams
            if health.draining or self.open.total() >= self.most:
                raise NoPlace
            self.open[who] += 1

    def leave(self, who: str) -> None:
        """It is free again."""
        with self._lock:
            self.open[who] -= 1
            if not self.open[who]:
                del self.open[who]


class Handover:
    """Lies in the scope of every request: a view enters it, then leaves its flow here."""

    def __init__(self, places: Places, who: Callable[[], Awaitable[str | None]]) -> None:
        self.who = who
        self.flow: Flow | LateFlow | None = None
        self.begun = False
        self.begins: Message | None = None
        self.gone = asyncio.Event()
        self._places = places
        self._entered: str | None = None

    def enter(self, who: str) -> None:
        """Take a place, before anything is done for which there would be none. Raises TooManyStreams or NoPlace."""
        self._places.enter(who)
        self._entered = who

    def leave(self) -> None:
        """Give the place back."""
        if self._entered is not None:
            self._places.leave(self._entered)
            self._entered = None

    def hearing(self, receive: Receive) -> Receive:
        """`receive`, remembering that the client has gone: some servers say it once."""

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
            return message

        return received

    def holding(self, send: Send) -> Send:
        """`send`; where there is a flow, the answer does not end with what Django sends, and has no length."""

        async def sent(message: Message) -> None:
            if self.flow is None:
                await send(message)
            elif message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if name.lower() != b"content-length"]
                self.begins, self.begun = {**message, "headers": headers}, True
                if not hasattr(self.flow, "beginning"):
                    await self.begin(send)

        return sent

    async def begin(self, send: Send) -> None:
        """Send how the answer begins, unless that is done."""
        message, self.begins = self.begins, None
        if message is not None:
            late = getattr(self.flow, "beginning", None)
            await send(message if late is None else late(message))


class Streams:
    """ASGI middleware. `who` says whose request it is, by its headers alone."""

    def __init__(
        self,
        application: Application,
        who: Callable[[Scope], Awaitable[str | None]],
        *,
        places: Places,
        send_timeout: float = 60.0,
    ) -> None:
        self.application = application
        self.who = who
        self.places = places
        self.send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        handover = Handover(self.places, lambda: self.who(scope))
        receive = handover.hearing(receive)
        try:
            await self.application({**scope, KEY: handover}, receive, handover.holding(send))
            if handover.flow is not None:
                await self._go_on(handover, handover.flow, receive, send)
        finally:
            handover.leave()

    async def _go_on(self, handover: Handover, flow: Flow, receive: Receive, send: Send) -> None:
        running = asyncio.create_task(flow.run(self._writing(handover, send)))
        leaving = asyncio.create_task(_left(handover, receive))
        try:
            if handover.begun:
                await asyncio.wait((running, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                await _cancelled(running)
                await flow.gone()
                return
            await running
            await send({"type": "http.response.body", "body": b""})
        except SubscriberTooSlow:
            logger.info("an event stream was not read")
            await flow.gone()
        finally:
            running.cancel()
            leaving.cancel()

    def _writing(self, handover: Handover, send: Send) -> Callable[[bytes], Awaitable[None]]:
        async def write(piece: bytes) -> None:
            try:
                async with asyncio.timeout(self.send_timeout):
                    await handover.begin(send)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                raise SubscriberTooSlow from None

        return write


async def _left(handover: Handover, receive: Receive) -> None:
    """Until the client has gone."""
    while not handover.gone.is_set():
        await receive()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
