"""A model provider that does as it is told: a real HTTP server, on a thread of its own, with OpenAI's chat completions.

What it does is a `Script`: set by the test for a model, or written in its name (`scripted?words=3&status=429`)."""

import asyncio
import contextlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tests.flow.stack import free_port
from tests.harness import openai_wire as wire
from tests.harness.openai_wire import Script

PATH = "/v1/chat/completions"
WAIT = 10.0


@dataclass
class Call:
    """One request. `outcome`: open, finished, refused, cut (by the script) or aborted (by the client)."""

    attempt: str
    body: dict[str, Any]
    headers: dict[str, str]
    outcome: str = "open"
    words: int = field(default=0)
    """How many pieces of the answer were sent."""


class ScriptedProvider:
    """A context manager. `url` is the base URL, with /v1; `calls` is what it was asked, in order of arrival.

    An attempt is what the client names in the header Idempotency-Key or X-Client-Request-Id, or the body's `user`."""

    def __init__(self, port: int = 0) -> None:
        self.calls: list[Call] = []
        self._port = port or free_port()
        self._scripts: dict[str, list[Script]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-provider", daemon=True)

    def __enter__(self) -> "ScriptedProvider":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(WAIT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(WAIT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The base URL for a client of OpenAI."""
        return f"http://127.0.0.1:{self._port}/v1"

    def script(self, model: str, *scripts: Script) -> None:
        """What the next calls for this model get, one script each; the last one for all that follow."""
        self._scripts[model] = list(scripts)

    def count(self, attempt: str) -> Counter[str]:
        """How often each outcome came of an attempt's calls; their `total()` is how often it called."""
        return Counter(call.outcome for call in self.calls if call.attempt == attempt)

    # -- on the provider's loop ------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def _close(self) -> None:
        self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._answer(reader, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path, headers, data = await wire.read_request(reader)
        if path != PATH:
            writer.write(wire.refusal(404, 0))
            return
        body: dict[str, Any] = json.loads(data)
        call = Call(_attempt(headers, body), body, headers)
        self.calls.append(call)
        talking = asyncio.ensure_future(_talk(call, self._next(body["model"]), writer))
        leaving = asyncio.ensure_future(reader.read(1))  # a client sends nothing more; the end means that it has left
        try:
            await asyncio.wait((talking, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                call.outcome = "aborted"
        finally:
            for task in (talking, leaving):
                task.cancel()
            results = await asyncio.gather(talking, leaving, return_exceptions=True)
        if isinstance(results[0], OSError):
            call.outcome = "aborted"
        elif isinstance(results[0], Exception):
            raise results[0]  # a mistake in a script

    def _next(self, model: str) -> Script:
        scripts = self._scripts.get(model)
        if scripts is None:
            return Script.named(model)
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


def _attempt(headers: dict[str, str], body: dict[str, Any]) -> str:
    return headers.get("idempotency-key") or headers.get("x-client-request-id") or str(body.get("user", ""))


async def _talk(call: Call, script: Script, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(script.first)  # a model that thinks before it speaks
    if script.status != 200:
        call.outcome = "refused"  # before it is said: the client may look at once
        writer.write(wire.refusal(script.status, script.retry_after))
        return
    if not call.body.get("stream"):
        await asyncio.sleep(script.pause * script.words)
        if script.cut_after >= 0:
            _cut(call, writer)
            return
        call.words, call.outcome = script.words, "finished"
        writer.write(wire.whole(call.body, script))
        return
    writer.write(wire.STREAM_HEAD)
    for number, piece in enumerate(wire.pieces(call.body, script)):
        await asyncio.sleep(script.pause if number else 0)  # not after the last one: whoever has it may leave
        if number == script.cut_after:
            await writer.drain()
            _cut(call, writer)
            return
        call.words += number < script.words
        writer.write(wire.chunk(piece))
        await writer.drain()
    call.outcome = "finished"
    writer.write(wire.chunk(""))


def _cut(call: Call, writer: asyncio.StreamWriter) -> None:
    call.outcome = "cut"
    with contextlib.suppress(OSError):
        writer.close()
