"""A run's answer on its way to the client that asked: a flow (`config.streams`) that begins when it knows how."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from django.conf import settings

from bus.live import sse
from config.uploads import Message
from sessions_app.openai_front import answers
from sessions_app.openai_front.answers import Asked
from sessions_app.openai_front.errors import SERVER, FrontError
from sessions_app.openai_front.following import GoingAway, OutOfReach, followed
from sessions_app.openai_front.telling import Call, Called, Ended, Failed, Piece, Spoken, Telling
from sessions_app.streams.run import stop
from sessions_app.streams.session import Reader

Write = Callable[[bytes], Awaitable[None]]
JSON, EVENTS = b"application/json", b"text/event-stream; charset=utf-8"


class Answering:
    """One answer."""

    def __init__(self, asked: Asked, reader: Reader) -> None:
        self.asked = asked
        self.telling = Telling(asked.run, asked.tools)
        self._reader = reader
        self._status = 200
        self._kind = EVENTS if asked.stream else JSON
        self._final = False

    def beginning(self, message: Message) -> Message:
        """The status, the type, and whether another try would help: the engine has tried already."""
        headers = [(name, value) for name, value in message["headers"] if name.lower() != b"content-type"]
        headers.append((b"content-type", self._kind))
        if self._final:
            headers.append((b"x-should-retry", b"false"))
        return {**message, "status": self._status, "headers": headers}

    async def run(self, write: Write) -> None:
        """Write it, once there is something to write."""
        async with aclosing(self._paced()) as pieces:
            await (self._streamed(write, pieces) if self.asked.stream else self._whole(write, pieces))

    async def gone(self) -> None:
        """The client does not wait any more; the run does not care, unless it was told to."""
        if self.asked.cancels:
            await stop(self._reader, self.asked.session, self.asked.run)

    # -- two ways of writing it ------------------------------------------------------------------------------------

    async def _whole(self, write: Write, pieces: AsyncGenerator[Piece | None, None]) -> None:
        texts: list[str] = []
        calls: list[Call] = []
        async for piece in pieces:
            if isinstance(piece, Spoken):
                texts.append(piece.text)
            elif isinstance(piece, Called):
                calls += piece.calls
            elif isinstance(piece, Ended):
                usage = self.telling.usage
                await write(answers.whole(self.asked, "".join(texts), calls, piece.reason, usage))
            elif isinstance(piece, Failed):
                await self._refuse(write, piece.error)

    async def _streamed(self, write: Write, pieces: AsyncGenerator[Piece | None, None]) -> None:
        begun, count = False, 0
        async for piece in pieces:
            if isinstance(piece, Failed):
                await (write(answers.refused(piece.error.body)) if begun else self._refuse(write, piece.error))
                return
            if not begun:
                await write(answers.first(self.asked))
                begun = True
            if isinstance(piece, Spoken):
                await write(answers.more(self.asked, piece.text))
            elif isinstance(piece, Called):
                await write(answers.called(self.asked, piece.calls, count))
                count += len(piece.calls)
            elif isinstance(piece, Ended):
                await write(answers.last(self.asked, piece.reason, self.telling.usage))
            else:
                await write(sse.comment("still at work"))

    async def _refuse(self, write: Write, error: FrontError) -> None:
        self._status, self._kind, self._final = error.answered, JSON, error.final
        await write(msgspec.json.encode(error.body))

    # -- what comes --------------------------------------------------------------------------------------------------

    async def _paced(self) -> AsyncGenerator[Piece | None, None]:
        """What the run says, up to its end; None where nothing has come for a while."""
        reader, session = self._reader, self.asked.session
        watching = asyncio.create_task(sse.withdrawn(reader.actor, lambda: reader.may_read(session)))
        pieces = self._pieces()
        upcoming: asyncio.Future[Piece] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(pieces))
                await asyncio.wait(
                    (upcoming, watching), timeout=settings.STREAM_HEARTBEAT, return_when="FIRST_COMPLETED"
                )
                if watching.done():
                    yield Failed(
                        FrontError("Your token, or your login, has ended.", status=401, code="invalid_api_key")
                    )
                    return
                if not upcoming.done():
                    yield None
                    continue
                piece, upcoming = upcoming.result(), None
                yield piece
                if isinstance(piece, Ended | Failed):
                    return
        finally:
            await _ended(watching, upcoming)
            await pieces.aclose()

    async def _pieces(self) -> AsyncGenerator[Piece, None]:
        try:
            async with aclosing(followed(self.asked.session, self.asked.version)) as frames:
                async for frame in frames:
                    for piece in self.telling.take(frame):
                        yield piece
        except GoingAway:
            yield self._away("This server stops; the run goes on, and its answer will be in the session.")
        except OutOfReach:
            yield self._away("The log cannot be read; the run goes on, and its answer will be in the session.")

    def _away(self, message: str) -> Failed:
        """Another try would be another run, unless it has the same key."""
        final = not self.asked.keyed
        return Failed(FrontError(message, status=503, kind=SERVER, code="unavailable", final=final))


async def _ended(*tasks: "asyncio.Future[Any] | None") -> None:
    for task in tasks:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
