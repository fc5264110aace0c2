"""P19: the final text is the concatenation of the deltas, character for character, however the provider's bytes are cut
and the deltas arrive."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, ClassVar
from unittest.mock import patch
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from bus.live import frames
from bus.live.tails import Tail
from bus.messages import Delta
from sessions_app.llm import streaming
from sessions_app.llm.base import Piece, ProviderError, Request
from sessions_app.llm.providers import sse
from sessions_app.llm.providers.openai_reading import OpenAIReading
from sessions_app.llm.streaming import Quiet, Shower
from tests.harness.scale import scaled

ODD = (
    "é",
    "e\u0301",
    "ß",
    "\u200d",
    "👩\u200d👩\u200d👧",
    "🥊",
    "𝄞",
    "\u2028",
    "\n",
    "\r\n",
    "\0",
    "data: ",
    '"\\',
    "\U0010ffff",
)
texts = st.lists(st.one_of(st.text(max_size=8), st.sampled_from(ODD)), min_size=1, max_size=30)
cuts = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def wire(pieces: Sequence[str], *, escaped: bool) -> bytes:
    """The stream of an OpenAI-compatible server that says these pieces."""
    chunks: list[dict[str, Any]] = [
        {"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in pieces
    ]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    events = [f"data: {json.dumps(chunk, ensure_ascii=escaped)}\n\n" for chunk in chunks]
    return "".join([*events, "data: [DONE]\n\n"]).encode()


class Cut:
    """A provider whose answer arrives in pieces of these sizes, over and over."""

    name: ClassVar[str] = "cut"
    windows: ClassVar[dict[str, int]] = {}
    free: ClassVar[bool] = True

    def __init__(self, data: bytes, sizes: Sequence[int]) -> None:
        self._data = data
        self._sizes = sizes

    async def stream(self, request: Request) -> AsyncGenerator[Piece, None]:
        """Read as our providers read."""
        reading = OpenAIReading("")
        async for data in sse.events(self._pieces()):
            for piece in reading.feed(data):
                yield piece
        for piece in reading.end():
            yield piece

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        start, number = 0, 0
        while start < len(self._data):
            size = self._sizes[number % len(self._sizes)]
            yield self._data[start : start + size]
            await asyncio.sleep(0)
            start, number = start + size, number + 1

    async def aclose(self) -> None:
        """Nothing to close."""


class Shown(Quiet):
    """An answer that is shown, and not stored."""

    def __init__(self) -> None:
        super().__init__(Request(model="any", turns=()))
        self.shower = Shower(uuid4(), uuid4(), 1)
        self.say = self.shower.add  # type: ignore[method-assign]


class Told:
    """A bus that keeps what it is to tell."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def tell(self, delta: Delta) -> None:
        """Keep it."""
        self.deltas.append(delta)


async def answered(data: bytes, sizes: Sequence[int]) -> tuple[str, list[Delta]]:
    """The text an answer came to, and its deltas."""
    told = Told()
    with patch.object(streaming, "bus", told):
        answer = Shown()
        try:
            await answer.stream(Cut(data, sizes))
        except ProviderError as error:
            raise AssertionError("a whole answer was not read as one") from error
        finally:
            answer.shower.close()
    return answer.text, told.deltas


def read(deltas: Sequence[Delta]) -> str:
    """What a client makes of them, in whatever order and however often they reach its server."""
    tail, assembled = Tail(frames.of_notice(deltas[0])), ""
    for delta in deltas:
        shown = tail.add(frames.of_notice(delta))
        if shown is not None:
            notice = shown.decoded()
            assert notice["offset"] <= len(assembled), "a hole in the text"
            assembled += notice["text"][len(assembled) - notice["offset"] :]
    return assembled


@settings(max_examples=scaled(50), deadline=None, report_multiple_bugs=False)
@given(pieces=texts, sizes=cuts, escaped=st.booleans(), data=st.data())
def test_the_text_is_what_was_said_and_what_was_shown(
    pieces: list[str], sizes: list[int], escaped: bool, data: st.DataObject
) -> None:
    expected = "".join(pieces).replace("\0", "\ufffd")
    text, deltas = asyncio.run(answered(wire(pieces, escaped=escaped), sizes))
    assert text == expected
    assert "".join(getattr(delta, "text", "") for delta in deltas) == expected
    if deltas:
        again = data.draw(st.lists(st.sampled_from(deltas), max_size=3))
        assert read(data.draw(st.permutations([*deltas, *again]))) == expected
