"""Files that somebody means ill with: archives, and logs that reach for what is another's. What is said of each is what
is wrong with it; everything else of it is right."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from tests.exchange.made import Event, document, event, named, sha256, small

Change = Callable[[zipfile.ZipFile, zipfile.ZipInfo], None]
MOMENT = (2025, 1, 1, 0, 0, 0)


def packed(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of them."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, MOMENT), data, how)
    return made.getvalue()


def bundle(log: list[Event], more: dict[str, bytes] | None = None, **about: Any) -> dict[str, bytes]:
    """The files of an honest archive of one session, and others; `about` goes over what its manifest says."""
    data = json.dumps(document(log)).encode()
    session = log[0]["session_id"]
    sessions = [{"id": session, "size": len(data), "sha256": sha256(data)}]
    manifest = {"format": "parley-export", "format_version": 1, "sessions": sessions, "artifacts": []} | about
    return {"manifest.json": json.dumps(manifest).encode(), f"sessions/{session}.json": data, **(more or {})}


def renamed(archive: bytes, name: str, other: str) -> bytes:
    """Another name of the same length, wherever it stands."""
    assert len(name.encode()) == len(other.encode())
    return archive.replace(name.encode(), other.encode())


def marked(archive: bytes, at: int, value: int, of: str = "<H") -> bytes:
    """A field of every entry in the directory has this value."""
    found, changed = archive.find(b"PK\x01\x02"), bytearray(archive)
    while found >= 0:
        struct.pack_into(of, changed, found + at, value)
        found = archive.find(b"PK\x01\x02", found + 4)
    return bytes(changed)


def overlapping() -> bytes:
    """Two names for the same bytes: the second entry of the directory points to the first one's place."""
    archive = packed({"manifest.json": b"{}", "manifest.jsoo": b"{}"}, zipfile.ZIP_STORED)
    second = archive.find(b"PK\x01\x02", archive.find(b"PK\x01\x02") + 4)
    changed = bytearray(archive)
    struct.pack_into("<L", changed, second + 42, 0)
    return bytes(changed)


def crowded() -> bytes:
    """A directory that says it has very many entries."""
    archive = bytearray(packed({"manifest.json": b"{}"}))
    struct.pack_into("<HH", archive, len(archive) - 14, 60_000, 60_000)
    return bytes(archive)


def deceitful(archive: bytes) -> bytes:
    """Entries that say they are smaller than they become."""
    return marked(archive, 24, 10, "<L")


def archives(session: UUID) -> dict[str, bytes]:
    """By what is wrong with them."""
    honest = bundle(small(session))
    sound, name = packed(honest), f"sessions/{session}.json"
    bomb = packed({"conversations.json": b" " * 50_000_000 + b"[]"})
    linked = zipfile.ZipInfo("manifest.json", MOMENT)
    linked.external_attr = 0o120777 << 16
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        archive.writestr(linked, "/etc/passwd")
    return {
        "bomb": bomb,
        "bomb that says it is none": deceitful(bomb),
        "bomb in an archive": packed({"conversations.json": bomb}, zipfile.ZIP_STORED),
        "overlapping": overlapping(),
        "crowded": crowded(),
        "traversal": renamed(sound, name, "../../../" + "x" * (len(name) - 9)),
        "absolute": renamed(sound, name, "/" + "x" * (len(name) - 1)),
        "backslashes": renamed(sound, name, "..\\" + "x" * (len(name) - 3)),
        "drive": renamed(sound, name, "C:" + "x" * (len(name) - 2)),
        "NUL in a name": renamed(sound, name, name[:9] + "\x00" + name[10:]),
        "link": link.getvalue(),
        "encrypted": marked(sound, 8, 1),
        "packed otherwise": packed(honest, zipfile.ZIP_BZIP2),
        "twice the same name": renamed(packed(honest | {"manifest.jsoo": b""}), "manifest.jsoo", "manifest.json"),
        "cut off": sound[: len(sound) // 2],
        "another end": sound + b"x",
        "comment": sound[:-2] + struct.pack("<H", 1) + b"x",
        "wrong checksum": marked(sound, 16, 1, "<L"),
        "wrong sizes": deceitful(sound),
        "something more": packed(honest | {"more.txt": b"x"}),
        "a session that is missing": packed({"manifest.json": honest["manifest.json"]}),
        "another manifest": packed(bundle(small(session), format="other")),
        "manifest of another kind": packed(honest | {"manifest.json": b"[" * 5_000}),
        "wrong hash": packed(honest | {name: json.dumps(document(small(session, title="other"))).encode()}),
        "nothing": packed({}),
        "two of them": packed({"a/conversations.json": b"[]", "b/conversations.json": b"[]"}),
    }


def logs(session: UUID, theirs: dict[str, str]) -> dict[str, list[Event]]:
    """By what is wrong with them. `theirs`: ids of somebody else's objects."""
    run = {"run_id": named(session, "run"), "conversation_id": str(session), "provider": "echo", "model": "echo"}
    said = {"message_id": str(uuid4()), "conversation_id": str(session), "role": "user", "content": []}
    forked = {"conversation_id": str(uuid4()), "name": "f", "parent": str(session), "forked_at": 1}
    stored = {"artifact_id": str(uuid4()), "name": "a", "version": 1, "content_type": "text/plain"}
    stored |= {"size": 1, "sha256": "0" * 64}
    totals = {"done": 0, "total": 1, "running": 0, "failed": 0, "tokens": 0, "cost": None, "eta": None}
    node = {"node_id": named(session, "node"), "key": "a", "rank": 1, "provider": "echo", "model": "echo", "user": "x"}
    graph = {"graph_id": named(session, "graph"), "name": "g", "kind": "graph", "max_parallel": 1, "nodes": [node]}
    tokens = {"prompt_tokens": 1, "completion_tokens": 1, "cost": "NaN", "context_tokens": 1, "metrics": {}}
    most = {"cost": None, "prompt_tokens": 2**63 - 1}
    deep: list[tuple[str, Any]] = []
    for number in range(150):
        parent = named(session, f"fork {number - 1}") if number else str(session)
        deep.append(
            ("conversation-started", forked | {"conversation_id": named(session, f"fork {number}"), "parent": parent})
        )
    whole = small(session)
    return {
        "of nothing": [],
        "with a hole": [whole[0], whole[1] | {"version": 3}],
        "backwards": whole[::-1],
        "begun twice": [whole[0], event(session, 2, "session-created", whole[0]["data"])],
        "with an id twice": [whole[0], whole[1] | {"id": whole[0]["id"]}],
        "of two sessions": [whole[0], whole[1] | {"session_id": str(uuid4())}],
        "of an unknown type": small(session, ("session-blessed", {})),
        "of a schema to come": [whole[0], whole[1] | {"schema": 9}],
        "with more than its type has": small(session, ("message-added", said | {"owner_id": 1})),
        "of the future": [whole[0], whole[1] | {"recorded_at": "2999-01-01T00:00:00Z"}],
        "without a time zone": [whole[0], whole[1] | {"recorded_at": "2025-01-01T00:00:00"}],
        "by nobody": [whole[0], whole[1] | {"actor": {"type": "", "id": ""}}],
        "removed": small(session, ("session-deleted", {})),
        "session beside and within": small(session, ("message-added", said | {"session_id": theirs["session"]})),
        "speaks in another's conversation": small(
            session, ("message-added", said | {"conversation_id": theirs["conversation"]})
        ),
        "forks another's conversation": small(
            session, ("conversation-started", forked | {"parent": theirs["conversation"]})
        ),
        "forks what is to come": small(session, ("conversation-started", forked | {"forked_at": 99})),
        "forks of forks of forks": small(session, *deep),
        "retries another's run": small(session, ("run-requested", run | {"retries": theirs["run"]})),
        "releases another's run": small(session, ("run-released", {"run_id": theirs["run"]})),
        "advances another's node": small(
            session,
            ("graph-started", graph),
            (
                "graph-advanced",
                {
                    "graph_id": graph["graph_id"],
                    "changes": [{"node_id": theirs["node"], "state": "failed"}],
                    "totals": totals,
                },
            ),
        ),
        "cancels another's graph": small(session, ("graph-cancel-requested", {"graph_id": theirs["graph"]})),
        "waits for another's node": small(
            session, ("graph-started", graph | {"nodes": [node | {"dependencies": [theirs["node"]]}]})
        ),
        "waits for itself": small(
            session, ("graph-started", graph | {"nodes": [node | {"dependencies": [node["node_id"]]}]})
        ),
        "takes another's artifact away": small(session, ("artifact-deleted", {"artifact_id": theirs["artifact"]})),
        "an artifact called like a path": small(session, ("artifact-stored", stored | {"name": "../a"})),
        "costs that are no number": small(session, ("token-metrics-updated", tokens)),
        "tokens beyond all columns": small(session, *[("token-metrics-updated", tokens | most)] * 2),
        "a title that is no text": small(session, ("session-updated", {"updates": {"title": {"a": 1}}})),
        "metadata that are none": small(session, ("session-updated", {"updates": {"metadata": [1]}})),
        "two runs at once": small(
            session, ("run-requested", run), ("run-requested", run | {"run_id": named(session, "run 2")})
        ),
        "a run without end of time": small(session, ("run-requested", run | {"timeout": 1e300})),
        "another's message again": small(session, ("message-added", said | {"message_id": theirs["message"]})),
    }
