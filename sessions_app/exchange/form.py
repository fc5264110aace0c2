"""How a session's log is written in a file: one event per line, in one spelling, so that the same log gives the same
bytes wherever it lies. Pure.

Left out is what belongs to one server: an event's place in the whole log, and who owns the session there."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from bus.messages import IMPORTED, Actor, Envelope, StrictMeta
from bus.untrusted import INT64
from sessions_app.events import SessionCreated
from sessions_app.values import Value

FORMAT = "parley-session"
FORMAT_VERSION = 1


class Line(metaclass=StrictMeta):
    """One event of a log in a file."""

    id: UUID
    type: str
    schema: int
    session_id: UUID
    version: int
    recorded_at: datetime
    actor: Actor
    causation_id: UUID | None = None
    correlation_id: str = ""
    data: dict[str, Any]


class Kept(Value):
    """An artifact that the log says is there; its bytes are not in the log. `size` counts them."""

    id: UUID
    name: str
    version: int
    content_type: str
    size: int
    sha256: str


class Manifest(metaclass=StrictMeta):
    """What a file of one session begins with. `events` counts them, `counts` by their types; `sha256` is of their
    lines, each with its newline."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    session_id: UUID
    version: int
    events: int
    counts: dict[str, int] = {}
    sha256: str
    artifacts: list[Kept] = []


def line_of(envelope: Envelope) -> Line:
    """An event as it is written. One that was imported is written as in the file it came from."""
    actor, data = envelope.actor, _storable(envelope.fields())
    if envelope.type == SessionCreated.type:
        data["owner_id"] = None
    return Line(
        id=envelope.id,
        type=envelope.type,
        schema=envelope.schema,
        session_id=envelope.stream,
        version=envelope.version,
        recorded_at=envelope.recorded_at,
        actor=Actor.parse(actor.id) if actor.type == IMPORTED else actor,
        causation_id=envelope.causation_id,
        correlation_id=envelope.correlation_id,
        data=data,
    )


def encode(value: Any) -> bytes:
    """The one spelling: members in the order of their names, no spaces."""
    return msgspec.json.encode(value, order="sorted")


def _storable(value: Any) -> Any:
    """PostgreSQL writes 1e22 with all its digits; it was a float, as an integer it could not have come in."""
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return float(value) if isinstance(value, int) and value not in INT64 else value


class Tally:
    """What a manifest says of a log, gathered event by event."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.version = 0
        self.counts: dict[str, int] = {}
        self.artifacts: dict[str, Kept] = {}
        self._hash = hashlib.sha256()

    def add(self, line: Line) -> None:
        """The next event."""
        self.version = line.version
        self.counts[line.type] = self.counts.get(line.type, 0) + 1
        self._hash.update(encode(line) + b"\n")
        if line.type == "artifact-stored":
            kept = {name: line.data[name] for name in ("name", "version", "content_type", "size", "sha256")}
            self.artifacts[line.data["artifact_id"]] = msgspec.convert(kept | {"id": line.data["artifact_id"]}, Kept)
        elif line.type == "artifact-deleted":
            self.artifacts.pop(line.data["artifact_id"], None)
        elif line.type == "session-imported":
            for artifact_id in line.data["missing"]:
                self.artifacts.pop(artifact_id, None)

    @property
    def sha256(self) -> str:
        """Of the lines so far."""
        return self._hash.hexdigest()

    def manifest(self) -> Manifest:
        """Of the log so far."""
        return Manifest(
            session_id=self.session_id,
            version=self.version,
            events=sum(self.counts.values()),
            counts=self.counts,
            sha256=self.sha256,
            artifacts=list(self.artifacts.values()),
        )
