"""From a subscription into a socket's outbox: each frame is wrapped once for all sockets that want it alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bus.live.frames import Frame
from bus.live.outbox import Outbox

Fields = tuple[str, ...]
"""Paths into the envelope; none stands for all of it."""

ALWAYS: Fields = ("type", "version")


def projection(fields: Sequence[str]) -> Fields:
    """The paths in their one spelling; of an empty list nothing is left out."""
    return tuple(sorted({*ALWAYS, *fields})) if fields else ()


def projected(values: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Only these paths of an envelope, each where it was; one that is not there is left out."""
    kept: dict[str, Any] = {}
    for path in fields:
        *above, last = path.split(".")
        source: Any = values
        for key in above:
            source = source.get(key) if isinstance(source, Mapping) else None
        if not isinstance(source, Mapping) or last not in source:
            continue
        target = kept
        for key in above:
            target = target.setdefault(key, {})
        target[last] = source[last]
    return kept


class _Wrapped:
    """The texts of the frame being fanned out: one per subscription name (nearly all are called `s1`) and projection,
    one encoding per projection."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._bodies: dict[Fields, str] = {}
        self._texts: dict[tuple[str, Fields], str] = {}

    def text(self, frame: Frame, name: str, fields: Fields) -> str:
        if frame is not self._frame:
            self._frame, self._bodies, self._texts = frame, {}, {}
        text = self._texts.get((name, fields))
        if text is None:
            kind = "event" if frame.version else "notice"
            text = self._texts[name, fields] = f'{{"subscription":"{name}","{kind}":{self._body(frame, fields)}}}'
        return text

    def _body(self, frame: Frame, fields: Fields) -> str:
        body = self._bodies.get(fields)
        if body is None:
            whole = not fields or not frame.version  # a notice is no envelope
            raw = frame.body if whole else msgspec.json.encode(projected(frame.decoded(), fields))
            body = self._bodies[fields] = raw.decode()
        return body


_wrapped = _Wrapped()


class SocketSink:
    """Puts a subscription's frames into the socket's outbox."""

    def __init__(self, outbox: Outbox[str], name: str, fields: Sequence[str] = ()) -> None:
        self._outbox = outbox
        self._name = name
        self._fields = projection(fields)

    def put(self, frame: Frame) -> bool:
        """Queue a frame, wrapped for this subscription."""
        text = _wrapped.text(frame, self._name, self._fields)
        return self._outbox.put(text, len(text) + 64 if self._fields else frame.size)

    async def room(self) -> None:
        """Wait until half the outbox is free."""
        await self._outbox.room()

    @property
    def crowded(self) -> bool:
        """Whether deltas should be left out."""
        return self._outbox.crowded
