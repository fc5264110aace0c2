"""Files as an export writes them, made by hand: of logs that nobody told, with whatever is to be wrong in them."""

import hashlib
import json
from io import BytesIO
from typing import Any
from uuid import UUID, uuid5

from bus.registry import default
from sessions_app.exchange.form import Line, Tally, encode
from tests.architecture.golden import FOLDER, OTHER, SESSION

Event = dict[str, Any]
MOMENT = "2025-01-01T09:00:00.000001Z"
OWN: dict[str, dict[str, Any]] = {
    "session-created": {"owner_id": None},
    "conversation-started": {"conversation_id": "conversation", "forked_at": 1},
    "conversation-updated": {"conversation_id": "conversation"},
    "run-requested": {"retries": None, "continues": None},
}
"""What cannot be as the golden files have it in one log: what begins itself, comes before itself, or is somebody's."""
NOT_TAKEN = {"session-deleted", "session-erased", "user-erased"} | {
    kind.type for kind in default.events.values() if kind.__module__ == "sessions_app.events.accounts"
}
"""What ends a session, or is not about one."""
LAST = ("run-completed", "graph-ended")


def named(session: UUID, name: str) -> str:
    """An id of the session's own."""
    return str(uuid5(session, name))


def event(session: UUID, version: int, kind: str, data: Any, **envelope: Any) -> Event:
    """One event as a file has it."""
    return {
        "id": named(session, f"event {version}"),
        "type": kind,
        "schema": 1,
        "session_id": str(session),
        "version": version,
        "recorded_at": MOMENT,
        "actor": {"type": "user", "id": "7"},
        "causation_id": None,
        "correlation_id": "",
        "data": data,
        **envelope,
    }


def small(session: UUID, *more: tuple[str, Any], title: str = "small") -> list[Event]:
    """A log of a session with one message, and more of such."""
    created = {"owner_id": None, "title": title, "config": {"provider": "echo", "model": "echo"}}
    said: dict[str, Any] = {"message_id": named(session, "message"), "conversation_id": str(session), "role": "user"}
    said["content"] = [{"type": "text", "text": "hello"}]
    told = [("session-created", created), ("message-added", said), *more]
    return [event(session, version, kind, data) for version, (kind, data) in enumerate(told, start=1)]


def golden(session: UUID) -> list[Event]:
    """One event of every type that a file may tell, as its golden file shows it, so that it tells of this session."""
    newest = {path.stem.rsplit(".v", 1)[0]: path for path in sorted(FOLDER.glob("*.json"))}
    kinds = [kind for kind in newest if kind not in NOT_TAKEN]
    first = ("session-created", "message-added", "conversation-started", "run-requested", "graph-started")
    order = [
        *first,
        "artifact-stored",
        *(kind for kind in kinds if kind not in (*first, "artifact-stored", *LAST)),
        *LAST,
    ]
    log = []
    for version, kind in enumerate(order, start=1):
        text = newest[kind].read_text().replace(str(SESSION), str(session)).replace(str(OTHER), named(session, "other"))
        data = json.loads(text) | OWN.get(kind, {})
        if data.get("conversation_id") == "conversation":
            data["conversation_id"] = named(session, "conversation")
        if kind == "session-created":
            data["system_message"]["id"] = named(session, "system")
        for node in data.get("nodes", []):
            node["dependencies"] = []
        schema = int(newest[kind].stem.rsplit(".v", 1)[1])
        log.append(event(session, version, kind, data, schema=schema))
    return log


def manifest(log: list[Event]) -> dict[str, Any]:
    """What vouches for it, honestly."""
    import msgspec

    tally = Tally(UUID(log[0]["session_id"]))
    for line in log:
        tally.add(msgspec.convert(line, Line))
    made: dict[str, Any] = json.loads(encode(tally.manifest()))
    return made


def document(log: list[Event], **about: Any) -> dict[str, Any]:
    """The file's JSON; `about` goes over what the manifest says."""
    return {"manifest": manifest(log) | about, "events": log}


def written(value: Any) -> BytesIO:
    """It as a file."""
    return BytesIO(json.dumps(value).encode())


def sha256(data: bytes) -> str:
    """Its hash."""
    return hashlib.sha256(data).hexdigest()
