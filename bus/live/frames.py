"""What travels from a publisher through the channel layer to the hubs: encoded once, fanned out as bytes."""

from typing import Any
from uuid import UUID

import msgspec

from bus.messages import Delta, Envelope, Notice, changed

MAX_BODY = 32 * 1024
"""Larger events travel as a bare version; the hubs read them from the log."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One event or notice for the subscribers of one session. `body` is its JSON; `version` 0 marks a notice.

    `key`, `offset` and `text` are set for deltas. An event too large to travel has an empty body."""

    stream: UUID
    type: str
    version: int = 0
    body: bytes = b""
    key: UUID | None = None
    attempt: int = 0
    offset: int = 0
    text: str = ""

    @property
    def size(self) -> int:
        """What the frame costs a queue, in bytes."""
        return len(self.body) + 64

    def decoded(self) -> dict[str, Any]:
        """The body as plain JSON values."""
        values: dict[str, Any] = msgspec.json.decode(self.body)
        return values


_encode = msgspec.json.Encoder().encode


def of_event(envelope: Envelope) -> Frame:
    """The frame of a recorded event; the one encode of its envelope."""
    body = _encode(envelope)
    return Frame(stream=envelope.stream, type=envelope.type, version=envelope.version, body=body)


def of_notice(notice: Notice) -> Frame:
    """The frame of a notice; the one encode of it."""
    if notice.session_id is None:
        raise ValueError("only notices of a session are pushed")
    values = msgspec.to_builtins(notice)
    values.pop("session_id")
    body = _encode({"type": notice.type, **values})
    frame = Frame(stream=notice.session_id, type=notice.type, body=body)
    if not isinstance(notice, Delta):
        return frame
    return changed(frame, key=notice.key, attempt=notice.attempt, offset=notice.offset, text=notice.text)


def pack(frame: Frame) -> dict[str, Any]:
    """A frame as the channel layer's message (msgpack takes no UUIDs)."""
    body = frame.body if len(frame.body) <= MAX_BODY else b""
    packed: dict[str, Any] = {"t": frame.type, "v": frame.version, "b": body}
    if frame.key is not None:
        packed |= {"k": str(frame.key), "a": frame.attempt, "o": frame.offset, "x": frame.text}
    return packed


def unpack(stream: UUID, packed: dict[str, Any]) -> Frame:
    """The inverse of `pack`."""
    key = UUID(packed["k"]) if "k" in packed else None
    return Frame(
        stream=stream,
        type=packed["t"],
        version=packed["v"],
        body=packed["b"],
        key=key,
        attempt=packed.get("a", 0),
        offset=packed.get("o", 0),
        text=packed.get("x", ""),
    )
