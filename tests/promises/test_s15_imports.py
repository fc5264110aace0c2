"""S15: a hostile file is refused by a clear problem, in bounded memory and time, and leaves nothing: archives of every
bad kind, logs that reach for what is another's, and JSON that breaks others."""

import json
import resource
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from bus.models import StoredEvent, Stream, Work
from sessions_app.models import Artifact, Blob, Conversation, Graph, GraphNode, Message, Run, Session, UsageEntry
from tests.api.bad_json import MALFORMED_VALUES, NOT_JSON
from tests.api.caller import Caller, any_problem
from tests.api.test_isolation import Property
from tests.exchange import hostile
from tests.exchange.made import document, sha256, small

pytestmark = pytest.mark.django_db(transaction=True)

SESSION = UUID("0198f2c4-bbbb-7000-8000-000000000001")
THEIRS = dict.fromkeys(("session", "conversation", "run", "node", "graph", "artifact", "message"), "")
MOST_GROWTH = 60_000
"""Kilobytes that the process may grow by, whatever it is sent."""


def everything() -> list[Any]:
    """All that an import could leave, or spoil."""
    models = (Session, Conversation, Message, Run, Artifact, Graph, GraphNode, UsageEntry, Blob, Stream, Work)
    return [StoredEvent.objects.count(), *(list(model.objects.order_by("pk").values()) for model in models)]


@pytest.fixture
def hers(alice: User) -> Property:
    """What is Alice's."""
    return Property(Caller(alice))


def refused(caller: Caller, data: bytes, content_type: str) -> str:
    """The code of the refusal, which leaves nothing."""
    before = everything()
    answer = caller.post("sessions/import/", data, content_type=content_type)
    assert answer.status_code in (400, 409, 413, 422), (answer.status_code, answer.content[:500])
    said = any_problem(answer)
    assert len(said["detail"]) < 500
    assert everything() == before
    return str(said["code"])


def test_hostile_archives_are_refused_and_leave_nothing(bob: User, hers: Property) -> None:
    caller, began = Caller(bob), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for why, archive in hostile.archives(SESSION).items():
        code = refused(caller, archive, "application/zip")
        assert code in ("validation-failed", "too-large", "malformed"), (why, code)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < MOST_GROWTH + 60_000  # the bombs are made here


def test_logs_that_reach_for_anothers_are_refused_and_leave_nothing(bob: User, hers: Property) -> None:
    caller, seen = Caller(bob), set()
    theirs = {name: hers.ids[f"{name}_id"] for name in THEIRS}
    for why, log in hostile.logs(SESSION, theirs).items():
        file = {"manifest": document(log)["manifest"] if log else {}, "events": log}
        seen.add((why, refused(caller, json.dumps(file).encode(), "application/json")))
    assert {code for _, code in seen} == {"validation-failed", "already-exists"}, sorted(seen)
    taken = {why for why, code in seen if code == "already-exists"}
    assert taken == {"another's message again", "two runs at once"}


def test_a_file_that_says_other_than_its_manifest_is_refused(bob: User) -> None:
    caller, log = Caller(bob), small(SESSION)
    lies: list[dict[str, Any]] = [{"sha256": "0" * 64}, {"events": 3}, {"version": 3}, {"session_id": str(uuid4())}]
    for about in (*lies, {"counts": {}}, {"format": "x"}, {"format_version": 2}, {"artifacts": [{}]}):
        assert refused(caller, json.dumps(document(log, **about)).encode(), "application/json") == "validation-failed"


def test_what_is_no_json_is_refused_wherever_it_stands(bob: User) -> None:
    caller = Caller(bob)
    for number, data in enumerate((*NOT_JSON.values(), b"[" * 3_000_000, b'["' + b"\\" * 9_000_000, b"\x00" * 100)):
        content_type = ("application/json", "application/x-ndjson")[number % 2]
        assert refused(caller, data, content_type) in ("malformed", "too-large", "validation-failed")
    for why, value in MALFORMED_VALUES.items():
        file = json.dumps(document(small(SESSION))).encode().replace(b'"hello"', value)
        assert refused(caller, file, "application/json") == "malformed"
        tree = b'[{"id": "1", "mapping": {"a": {"message": {"author": {"role": "user"}, "content": {"parts": [@]}}}}}]'
        if why != "60,000 values":  # long conversations have as many
            assert refused(caller, tree.replace(b"@", value), "application/json") == "malformed"


def test_of_several_sessions_the_sound_ones_are_taken_and_the_others_reported(bob: User, hers: Property) -> None:
    other = uuid4()
    files = hostile.bundle(small(SESSION))
    bad = json.dumps(document(small(other, title="x" * 300))).encode()
    manifest = json.loads(files["manifest.json"])
    manifest["sessions"].append({"id": str(other), "size": len(bad), "sha256": sha256(bad)})
    files |= {"manifest.json": json.dumps(manifest).encode(), f"sessions/{other}.json": bad}
    archive = hostile.packed(files)
    for status in ("created", "unchanged"):
        answer = Caller(bob).post("sessions/import/", archive, content_type="application/zip").json()
        assert [one["status"] for one in answer["sessions"]] == [status, "refused"]
    assert list(Session.objects.filter(owner=bob).values_list("id", flat=True)) == [SESSION]
    assert not Stream.objects.filter(id=other).exists()
