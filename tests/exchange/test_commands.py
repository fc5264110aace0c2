"""`manage.py export_session` and `import_sessions`, and an import that is interrupted."""

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from sessions_app.models import Session
from tests.api.caller import Caller
from tests.exchange.hostile import bundle, packed
from tests.exchange.made import document, sha256, small
from tests.exchange.telling import rich
from tests.exchange.test_import import export_of, forget

pytestmark = pytest.mark.django_db(transaction=True)


def imported(file: Path, *more: str) -> Any:
    out = StringIO()
    call_command("import_sessions", str(file), *more, stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_session_goes_to_a_file_and_comes_back(alice: User, bob: User, tmp_path: Path, name: str) -> None:
    story, file = rich(alice), tmp_path / "session"
    call_command("export_session", str(story.id), "--format", name, "--output", str(file))
    before = json.loads(export_of(story.id))["events"]
    forget(story.id)
    lines = ["--lines"] if name == "jsonl" else []
    assert imported(file, "--user", "bob", "--dry-run", *lines)["created"] == 1
    assert not Session.objects.exists()
    report = imported(file, "--user", "bob", *lines)
    assert (report["created"], report["sessions"][0]["missing_artifacts"]) == (1, 2)
    assert json.loads(export_of(story.id))["events"][:-1] == before
    assert imported(file, "--user", "bob", *lines)["unchanged"] == 1
    with pytest.raises(CommandError, match="some of them are taken"):
        call_command("import_sessions", str(file), "--user", "alice", *lines)
    with pytest.raises(CommandError, match="no user"):
        call_command("import_sessions", str(file), "--user", "nobody")


def several(count: int) -> bytes:
    """An archive of so many sessions."""
    files = bundle(small(uuid4()))
    manifest = json.loads(files["manifest.json"])
    for _ in range(count - 1):
        session = uuid4()
        data = json.dumps(document(small(session))).encode()
        files[f"sessions/{session}.json"] = data
        manifest["sessions"].append({"id": str(session), "size": len(data), "sha256": sha256(data)})
    return packed(files | {"manifest.json": json.dumps(manifest).encode()})


def test_an_import_whose_time_is_over_goes_on_where_it_is_sent_again(alice: User, settings: Settings) -> None:
    archive, api = several(3), Caller(alice)
    settings.IMPORT_PATIENCE = 0.0

    def sent(kind: str, body: bytes) -> Any:
        answer = api.post("sessions/import/", body, content_type=kind)
        assert answer.status_code == 200, answer.content
        return answer.json()

    cut = sent("application/zip", archive)
    assert (cut["complete"], cut["created"], Session.objects.count()) == (False, 1, 1)
    settings.IMPORT_PATIENCE = 60.0
    whole = sent("application/zip", archive)
    assert (whole["complete"], whole["created"], whole["unchanged"]) == (True, 2, 1)


def test_a_file_comes_in_a_form_too(alice: User) -> None:
    api, session = Caller(alice), uuid4()
    file = BytesIO(json.dumps(document(small(session))).encode())
    file.name = "session.json"
    answer: Any = api.client.post("/api/v1/sessions/import/", {"file": file})
    assert (answer.status_code, answer.json()["created"]) == (200, 1), answer.content
    for body in ({}, {"file": "x"}, {"file": BytesIO(b"{}"), "more": "x"}):
        refused: Any = api.client.post("/api/v1/sessions/import/", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation-failed"), refused.content
