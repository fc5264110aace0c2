"""All of a user's sessions as one archive: made by a worker, whatever becomes of the worker, kept for a while, and read
again on another server."""

import json
import zipfile
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from bus.bus import bus
from bus.messages import Context
from bus.models import Work
from bus.work import lease, runner
from sessions_app import commands
from sessions_app.artifacts import blobs
from sessions_app.erasure import people
from sessions_app.exchange import bulk
from sessions_app.models import Blob, Export, Session
from tests.api.caller import Caller, problem
from tests.conversations import say
from tests.exchange.telling import rich
from tests.exchange.test_import import export_of, forget, rows_of
from tests.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


def asked(api: Caller) -> UUID:
    answer = api.post("exports/", {})
    assert answer.status_code == 202, answer.content
    return UUID(answer.json()["id"])


def archive_of(api: Caller, export: UUID) -> bytes:
    answer = api.get(f"exports/{export}/content/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer["Content-Disposition"] == f'attachment; filename="export-{export}.zip"'
    whole: bytes = answer.whole
    assert len(whole) == int(answer["Content-Length"])
    known = api.get(f"exports/{export}/content/", if_none_match=answer["ETag"])
    assert (known.status_code, known.get("Content-Length")) in ((304, None), (304, "0")), (
        "a server cuts what is shorter"
    )
    return whole


def test_a_repeated_key_begins_no_other_archive(api: Caller, alice: User) -> None:
    first, again = (api.post("exports/", {}, idempotency_key="once") for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert runner.run(UUID(first.json()["id"]))
    after = api.post("exports/", {}, idempotency_key="once")
    assert first.json() == again.json() == after.json()
    assert first["Location"] == after["Location"]
    assert Export.objects.count() == 1
    assert asked(api) != UUID(first.json()["id"])
    problem(api.post("sessions/", {}, idempotency_key="once"), 422, "idempotency-mismatch")


def test_a_repeated_key_answers_an_import_as_the_first_time(alice: User, bob: User) -> None:
    told = rich(alice)
    file, other = export_of(told.id), export_of(rich(alice).id)
    forget(told.id)
    carol = Caller(bob)
    first, again = (carol.post("sessions/import/", file, idempotency_key="once") for _ in range(2))
    assert [session["status"] for session in first.json()["sessions"]] == ["created"]
    assert (again.status_code, again.json()) == (200, first.json())
    without = carol.post("sessions/import/", file).json()
    assert [session["status"] for session in without["sessions"]] == ["unchanged"]
    for path, sent in (("sessions/import/", other), ("sessions/import/?dry_run=true", file)):
        problem(carol.post(path, sent, idempotency_key="once"), 422, "idempotency-mismatch")


def test_all_sessions_go_out_and_come_back_elsewhere(api: Caller, alice: User, bob: User) -> None:
    told = rich(alice)
    plain, bobs = api.session(title="plain"), Caller(bob).session(title="not hers")
    before = {
        session: (json.loads(export_of(session))["events"], rows_of(session)) for session in (told.id, UUID(plain))
    }
    export = asked(api)
    assert asked(api) == export, "one at a time"
    problem(api.get(f"exports/{export}/content/"), 404, "not-found")
    assert runner.run(export)
    shown = api.get(f"exports/{export}/").json()
    assert (shown["state"], shown["done"], shown["total"]) == ("ready", 2, 2)
    archive = archive_of(api, export)
    assert (shown["bytes"], bobs in zipfile.ZipFile(BytesIO(archive)).namelist().__repr__()) == (len(archive), False)
    for session in before:
        forget(session)
    carol = Caller(bob)
    for status in ("created", "unchanged"):
        report = carol.post("sessions/import/", archive, content_type="application/zip").json()
        assert [(one["status"], one["missing_artifacts"]) for one in report["sessions"]] == [(status, 0)] * 2
    for session, (events, rows) in before.items():
        assert json.loads(export_of(session))["events"][:-1] == events
        assert rows_of(session) == rows
    assert set(Session.objects.values_list("owner", flat=True)) == {bob.pk}


def test_a_worker_that_dies_is_followed_by_one_that_begins_again(api: Caller, story: Story) -> None:
    export = asked(api)
    dead = lease.claim(export, "dead", runner.takes())
    assert dead is not None
    bulk._step(dead, state="running", fence=dead.fence, done=0)
    blobs.storage().save(bulk._key(export, dead.fence), BytesIO(b"half"))
    Work.objects.filter(id=export).update(lease_until=Now() - timedelta(seconds=1))
    assert runner.run(export)
    assert zipfile.ZipFile(BytesIO(archive_of(api, export))).testzip() is None
    with pytest.raises(Exception, match="Another worker"):
        bulk.run(dead)
    assert api.delete(f"exports/{export}/").status_code == 204
    assert not any(blobs.storage().exists(bulk._key(export, fence)) for fence in (1, 2))


def test_what_nobody_wants_any_more_is_not_made(api: Caller, story: Story) -> None:
    export = asked(api)
    held = lease.claim(export, "worker", runner.takes())
    assert held is not None
    assert api.delete(f"exports/{export}/").status_code == 204
    bulk.run(held)
    assert Work.objects.get(id=export).state == "cancelled"
    assert not blobs.storage().exists(bulk._key(export, held.fence))
    problem(api.get(f"exports/{export}/"), 404, "not-found")


def test_an_archive_is_kept_for_its_days_only(api: Caller, story: Story) -> None:
    export = asked(api)
    assert runner.run(export)
    assert not bulk.prune()
    assert archive_of(api, export)
    Export.objects.update(expires_at=Now())
    assert not bulk.prune()
    assert not blobs.storage().exists(bulk._key(export, 1))
    assert api.get("exports/").json()["data"] == []


def test_an_archive_that_holds_what_was_erased_is_no_more(api: Caller, alice: User, story: Story) -> None:
    say(story, "canary")
    ready = asked(api)
    assert runner.run(ready)
    making = asked(api)
    held = lease.claim(making, "worker", runner.takes())
    assert held is not None
    bus.execute(commands.EraseSession(session_id=story.id), Context())
    problem(api.get(f"exports/{ready}/content/"), 404, "not-found")
    assert api.get(f"exports/{making}/").json()["state"] == "failed"
    bulk.run(held)
    another = asked(api)
    assert not bulk.prune()
    assert runner.run(another)
    assert [row["id"] for row in api.get("exports/").json()["data"]] == [str(another)]
    people.erase(alice)
    assert not bulk.prune()
    keys = [bulk._key(export, 1) for export in (ready, making, another)]
    assert not any(blobs.storage().exists(key) for key in keys)


def test_one_that_cannot_be_made_says_so(api: Caller, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = story.tell(commands.StoreArtifact, name="a.json", data=1)
    say(story, "x")
    assert kept.success
    Blob.objects.all().delete()
    export = asked(api)
    Work.objects.filter(id=export).update(attempts=2)
    runner.run(export)
    shown: dict[str, Any] = api.get(f"exports/{export}/").json()
    assert (shown["state"], bool(shown["error"])) == ("failed", True)
    assert asked(api) != export


@pytest.mark.parametrize("begun", [False, True])
def test_an_archive_does_not_outlive_what_is_erased(api: Caller, story: Story, alice: User, begun: bool) -> None:
    export = asked(api)
    held = lease.claim(export, "worker", runner.takes()) if begun else None
    if held is None:
        assert runner.run(export)
    story.tell(commands.EraseSession)
    if held is not None:
        bulk.run(held)
    problem(api.get(f"exports/{export}/content/"), 404, "not-found")
    later = asked(api)
    assert runner.run(later)
    api.session()
    assert not bulk.prune()
    assert not blobs.storage().exists(bulk._key(export, 1))
    assert archive_of(api, later)
    people.erase(alice)
    assert not bulk.prune()
    assert not blobs.storage().exists(bulk._key(later, 1))
    assert not Export.objects.exists()
