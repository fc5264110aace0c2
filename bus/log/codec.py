"""Events to bytes and back. The one place where an event is encoded: once, for the log and for every socket."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from bus.messages import ERASED, Actor, Envelope, Event
from bus.registry import Registry, upcast

_encoder = msgspec.json.Encoder()


def encode_data(event: Event) -> bytes:
    """The payload as JSON, without the session id that the envelope carries."""
    values = msgspec.to_builtins(event)
    values.pop("session_id", None)
    return _encoder.encode(values)


def raw(data: bytes) -> msgspec.Raw:
    """Encoded JSON that goes into an envelope as it is."""
    return msgspec.Raw(data)


def encode(envelope: Envelope) -> bytes:
    """The envelope as the JSON that every face shows."""
    return _encoder.encode(envelope)


def envelope_from_row(row: tuple[Any, ...], registry: Registry) -> Envelope:
    """A log row (columns of `store.COLUMNS`, data as text) as an envelope, upcast where the schema is old."""
    ident, stream, version, position, kind, schema, data, actor, causation, correlation, recorded_at = row
    event_type = registry.events.get(kind)
    if event_type is not None and ERASED < schema < event_type.schema:
        data = _encoder.encode(upcast(event_type, schema, msgspec.json.decode(data))).decode()
        schema = event_type.schema
    return Envelope(
        id=ident,
        type=kind,
        schema=schema,
        session_id=stream,
        version=version,
        position=position,
        recorded_at=recorded_at,
        actor=Actor.parse(actor),
        causation_id=causation,
        correlation_id=correlation,
        data=msgspec.Raw(data.encode()),
    )


def local_envelope(event: Event, *, ident: UUID, version: int, recorded_at: datetime, actor: Actor) -> Envelope:
    """An envelope for an event that is not stored: the version counts events of this process's bus."""
    return Envelope(
        id=ident,
        type=event.type,
        schema=event.schema,
        session_id=event.session_id,
        version=version,
        position=0,
        recorded_at=recorded_at,
        actor=actor,
        causation_id=None,
        correlation_id="",
        data=msgspec.Raw(encode_data(event)),
    )
