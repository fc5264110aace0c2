"""What a session tells: events, which are stored and numbered, and notices, which are shown and forgotten."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a session's log. Versions count 1, 2, 3 … in a session without a gap."""

    id: str
    type: str
    session_id: str
    version: int
    position: int
    recorded_at: datetime
    actor: dict[str, str]
    data: dict[str, Any]
    envelope: dict[str, Any] = field(repr=False)
    """All of it, as the server sent it."""

    @classmethod
    def of(cls, envelope: dict[str, Any]) -> "Event":
        """From the server's envelope."""
        known = {name: envelope[name] for name in ("id", "type", "session_id", "version", "position", "actor", "data")}
        return cls(**known, recorded_at=datetime.fromisoformat(envelope["recorded_at"]), envelope=envelope)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to show, such as `run-delta` with the next piece of an answer. Not stored, may be lost."""

    type: str
    data: dict[str, Any]

    @classmethod
    def of(cls, notice: dict[str, Any]) -> "Notice":
        """From the server's notice."""
        return cls(notice["type"], {name: value for name, value in notice.items() if name != "type"})
