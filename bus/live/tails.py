"""Growing texts (a model's answer while it streams): kept once per process and session, in order, without gaps."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from bus.live import frames
from bus.live.frames import Frame
from bus.messages import Delta

TailSource = Callable[[UUID], Awaitable[Sequence[Delta]]]
"""Reads the texts still growing in a session, each as one delta from offset 0. May lag behind what was pushed."""

_source: TailSource | None = None


def set_source(function: TailSource) -> None:
    """Tell the bus where growing texts are stored; called once by the application."""
    global _source
    _source = function


async def stored(stream: UUID) -> list[Frame]:
    """The session's stored growing texts."""
    return [frames.of_notice(delta) for delta in await _source(stream)] if _source is not None else []


class Tail:
    """One growing text. `add` returns what may be shown now: nothing (a repeat, or a gap) or a contiguous piece."""

    def __init__(self, first: Frame) -> None:
        self._template = first
        self.length = 0
        self._pieces: list[str] = []
        self._early: dict[int, str] = {}

    @property
    def has_gap(self) -> bool:
        """Whether pieces wait for an earlier one."""
        return bool(self._early)

    def add(self, frame: Frame) -> Frame | None:
        """Take a piece; the frame of all that became contiguous by it (the very same frame when nothing was odd)."""
        if frame.offset > self.length:
            if len(frame.text) > len(self._early.get(frame.offset, "")):
                self._early[frame.offset] = frame.text
            return None
        start = self.length
        self._append(frame.offset, frame.text)
        if frame.offset == start and not self._early:
            return frame if frame.text else None
        for early in sorted(self._early):
            if early > self.length:
                break
            self._append(early, self._early.pop(early))
        return self._frame(start) if self.length > start else None

    def whole(self) -> Frame | None:
        """The text so far as one delta, for a subscriber who has just come."""
        return self._frame(0) if self.length else None

    def _append(self, offset: int, text: str) -> None:
        new = text[self.length - offset :]
        self._pieces.append(new)
        self.length += len(new)

    def _frame(self, offset: int) -> Frame:
        joined = "".join(self._pieces)
        self._pieces = [joined]
        text = joined[offset:]
        body = msgspec.json.encode({**self._template.decoded(), "offset": offset, "text": text})
        return msgspec.structs.replace(self._template, body=body, offset=offset, text=text)
