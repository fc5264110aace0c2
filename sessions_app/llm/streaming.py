"""One request to a provider, on the process loop: what comes in is shown, stored in chunks, and kept whole."""

import asyncio
import time
from contextlib import aclosing
from uuid import UUID

import msgspec
from django.conf import settings

from bus.bus import bus
from bus.work import runner
from bus.work.lease import Lease
from sessions_app.events import RunDelta
from sessions_app.llm import chunks
from sessions_app.llm.base import Finish, Piece, Provider, ProviderError, Request, ToolCall, Usage
from sessions_app.llm.context import count
from sessions_app.llm.storable import clean, cleaned
from sessions_app.values import parts

LONGEST_DELTA = 4000
"""Characters of one notice; even escaped they fit in a frame."""
MOST_TOKENS = 2**53 - 1
AT_FULL_PACE = 100
"""Streams of one process that are shown every DELTA_INTERVAL; of more, each is shown less often. Notices cost the same
however much they say, and a process that cannot keep up shows everything seconds late."""
LONGEST_RAW = 4000
"""Bytes of a provider's own account of its tokens that are kept."""


class Quiet:
    """What has come of one request. `first_token` is in seconds after the request; `usage` may be an estimate."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._said: list[str] = []
        self._length = 0
        self._started = time.monotonic()
        self.calls: list[ToolCall] = []
        self.finish: Finish | None = None
        self.first_token: float | None = None

    @property
    def text(self) -> str:
        """What was said so far."""
        return "".join(self._said)

    @property
    def usage(self) -> Usage:
        """What the provider counted, or, where it did not come to that, an estimate that says so."""
        if self.finish is not None and self.finish.usage is not None:
            return _bounded(self.finish.usage)
        return estimated(self._request, self.text)

    async def stream(self, provider: Provider, wire: Request | None = None) -> None:
        """Take the whole answer. `wire` is the request as it is sent, where it holds more than what it is counted by.
        Raises ProviderError."""
        try:
            async with (
                asyncio.timeout(settings.RUN_TIMEOUT),
                aclosing(provider.stream(wire or self._request)) as pieces,
            ):
                async for piece in pieces:
                    self._take(piece)
                    if self._length > settings.RUN_MAX_CHARACTERS:
                        self.finish = Finish(reason="length")
                        break
        except TimeoutError:
            detail = f"No end of the answer after {settings.RUN_TIMEOUT:.0f} s."
            raise ProviderError(detail, code="timeout", permanent=False) from None
        if self.finish is None:
            raise ProviderError("The provider's stream ended without an end.", code="malformed", permanent=False)

    def _take(self, piece: Piece) -> None:
        if isinstance(piece, Finish):
            self.finish = piece
            return
        if self.first_token is None:
            self.first_token = time.monotonic() - self._started
        if isinstance(piece, ToolCall):
            self.calls.append(piece)
        elif text := clean(piece.text):
            self._said.append(text)
            self._length += len(text)
            self.say(text)

    def say(self, text: str) -> None:
        """A piece has come."""


class Answer(Quiet):
    """An answer that is shown, and stored in chunks, as it comes."""

    def __init__(self, held: Lease, attempt: int, request: Request) -> None:
        super().__init__(request)
        self._held = held
        self._attempt = attempt
        self._show = Shower(held.stream, held.id, attempt)

    async def stream(self, provider: Provider, wire: Request | None = None) -> None:
        """Take the whole answer. Raises ProviderError."""
        try:
            await super().stream(provider, wire)
        finally:
            self._show.close()

    def say(self, text: str) -> None:
        """Show it soon, store it soon."""
        chunks.writer().add(self._held, self._attempt, text)
        self._show.add(text)


class Shower:
    """Puts a text's pieces together for a moment and tells them as one notice."""

    def __init__(self, session: UUID, run: UUID, attempt: int) -> None:
        self._session = session
        self._run = run
        self._attempt = attempt
        self._pieces: list[str] = []
        self._offset = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Show this soon; the first piece at once."""
        self._pieces.append(text)
        if self._timer is None:
            delay = settings.DELTA_INTERVAL * max(1.0, len(runner.flows) / AT_FULL_PACE) if self._offset else 0.0
            self._timer = asyncio.get_running_loop().call_later(delay, self._tell)

    def close(self) -> None:
        """Show what is left now."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _tell(self) -> None:
        self._timer = None
        text = "".join(self._pieces)
        self._pieces.clear()
        for start in range(0, len(text), LONGEST_DELTA):
            piece = text[start : start + LONGEST_DELTA]
            bus.tell(
                RunDelta(
                    session_id=self._session, key=self._run, attempt=self._attempt, offset=self._offset, text=piece
                )
            )
            self._offset += len(piece)


def estimated(request: Request, text: str) -> Usage:
    """What a request and the text that came of it took, by our own count."""
    asked = count.turns(request.turns) + count.tools(request.tools)
    said = count.message(parts(text)) if text else 0
    return Usage(input_tokens=asked, output_tokens=said, raw={"estimated": True})


def _bounded(usage: Usage) -> Usage:
    """What can be stored, whatever the provider says."""
    counts = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
    values = {name: min(max(getattr(usage, name), 0), MOST_TOKENS) for name in counts}
    raw = cleaned(usage.raw)
    size = len(msgspec.json.encode(raw))
    kept = raw if size <= LONGEST_RAW else {"omitted": f"{size} bytes"}
    return Usage(**values, raw=kept)
