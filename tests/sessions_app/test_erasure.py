"""Erasing a session leaves nothing of what it said in any table and no file, and a log without gaps as the proof."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.exceptions import Forbidden, Invalid, NotFound, StreamNotFound
from bus.log import store
from bus.messages import Actor, Context, ErrorOccurred
from bus.models import ParkedDelivery, StoredEvent, SubscriberCursor
from sessions_app import commands, state
from sessions_app.artifacts import collect
from sessions_app.erasure import people, sweep
from sessions_app.models import ApiToken, Memory, PastUsage, Removed, Retention, Run, RunChunk, Session, UsageEntry
from sessions_app.orchestration.spec import PromptSpec
from sessions_app.plugins.goals import SetGoal
from tests.api.caller import Caller, problem
from tests.bus.support import execute
from tests.runs import ask, do, told
from tests.sessions_app.keeping import files, keep_files_in, kept
from tests.sessions_app.plugins.support import delivered
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "kestrel-4711"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    """A storage of each test's own."""
    keep_files_in(tmp_path / "artifacts", settings)


def tables() -> list[str]:
    """Every table that has text of any kind, but those of PostgreSQL itself."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return [name for (name,) in cursor.fetchall()]


def places() -> list[str]:
    """The tables in which the canary is found, as text or as bytes."""
    found = []
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS t WHERE t::text ILIKE %s OR t::text ILIKE %s',
                [f"%{CANARY}%", f"%{CANARY.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return sorted(found)


def lived(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A session that has left its traces everywhere."""
    api = Caller(alice)
    call = {"tool": {"name": "calculator", "args": {"expression": f"1 + {CANARY}"}}}
    config = {"provider": "echo", "model": "echo", "system_prompt": CANARY, "tools": ["calculator"]}
    body = {"title": CANARY, "metadata": {"key": CANARY}, "config": config | {"provider_options": {"delay": 0, **call}}}
    session = api.post("sessions/", body, idempotency_key=f"create-{CANARY}").json()["id"]
    story = Story(session, Actor("user", str(alice.pk)))
    api.post(f"sessions/{session}/messages/", {"content": CANARY}, idempotency_key=CANARY)
    asked = {"name": "get-conversation-history", "payload": {"session_id": session}}
    said = api.say(session, CANARY)
    asked["payload"]["node_id"] = said["id"]  # type: ignore[index]
    api.post("commands/", asked, idempotency_key="asked")
    api.post("commands/", asked, prefer="respond-async")
    api.post("commands/", {"name": "create-session", "payload": {"title": CANARY}}, prefer="respond-async")
    execute("UPDATE bus_work SET finished_at = now(), state = 'done' WHERE session IS NULL")
    do(ask(story, CANARY))
    RunChunk.objects.create(run=ask(story, CANARY), attempt=1, seq=1, text=CANARY)
    kept(story, CANARY.encode(), name=CANARY)
    story.tell(commands.StoreArtifact, name="b", data={"a": CANARY})
    story.tell(commands.ExecutePrompt, prompt=PromptSpec(user=CANARY), key="a")
    story.tell(SetGoal, title=CANARY)
    story.tell(commands.ShareSession, username=bob.username)
    monkeypatch.setattr(state, "SNAPSHOT_EVERY", 1)
    state.state_at(story.id, 5)
    delivered()
    about = ContentType.objects.get_for_model(Session)
    LogEntry.objects.create(user=alice, content_type=about, object_id=session, object_repr=CANARY, action_flag=CHANGE)
    position = StoredEvent.objects.filter(stream=session).latest("version").position
    ParkedDelivery.objects.create(subscriber="memory", position=position, attempts=1, error=CANARY)
    SubscriberCursor.objects.update(error=CANARY)
    return story


def test_after_an_erasure_nothing_of_the_session_is_found_anywhere(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = lived(alice, bob, monkeypatch)
    assert len(places()) >= 14, places()
    before = list(StoredEvent.objects.filter(stream=story.id).order_by("version").values_list("type", "version", "id"))
    count, digest = store.digest(story.id)
    spent = sum(entry.output_tokens for entry in UsageEntry.objects.all())
    answer = Caller(alice).post(f"sessions/{story.id}/erasure/", {})
    assert answer.status_code == 200, answer.content
    while collect.settle() or collect.free():
        pass
    assert places() == []
    assert files() == []
    report = answer.json()
    assert (report["sha256"], report["counts"]["events"]) == (digest, count)
    assert (report["counts"]["messages"] > 2, report["counts"]["artifacts"], report["counts"]["graphs"]) == (True, 2, 1)
    rows = list(StoredEvent.objects.filter(stream=story.id).order_by("version").values_list("type", "version", "id"))
    assert rows[: len(before)] == before
    assert [row[0] for row in rows[len(before) :]] == ["session-unshared", "session-erased"]
    data = [
        row["sha256"] for row in StoredEvent.objects.filter(stream=story.id, schema=0).values_list("data", flat=True)
    ]
    assert hashlib.sha256(b"".join(bytes.fromhex(each) for each in data[: len(before)])).hexdigest() == digest
    assert (PastUsage.objects.get().output_tokens, UsageEntry.objects.count()) == (spent, 0)
    delivered()
    assert not ParkedDelivery.objects.exists()
    assert_replay_rebuilds_the_same_rows()
    assert state.state_at(story.id, len(rows)).is_deleted
    assert state.EventSourcedSession.load(story.id).current_state.messages == ()


def test_the_proof_is_the_owners_and_all_else_is_not_found(alice: User, bob: User) -> None:
    story = told(alice)
    story.tell(commands.ShareSession, username="bob", role="editor")
    editor = Story(story.id, Actor("user", str(bob.pk)))
    with pytest.raises(Forbidden):
        editor.tell(commands.EraseSession)
    problem(Caller(alice).get(f"sessions/{story.id}/erasure/"), 404, "not-found")
    story.tell(commands.EraseSession)
    owner, other = Caller(alice), Caller(bob)
    assert owner.get(f"sessions/{story.id}/erasure/").json()["session_id"] == str(story.id)
    problem(other.get(f"sessions/{story.id}/erasure/"), 404, "not-found")
    for path in ("", "events/", "state/", "messages/", "history/?node=x", "shares/"):
        problem(owner.get(f"sessions/{story.id}/{path}"), 404, "not-found")
    with pytest.raises(NotFound):
        story.tell(commands.EraseSession)
    with pytest.raises(NotFound):
        story.tell(commands.AddMessage, content="x")
    problem(owner.put(f"sessions/{story.id}/", {}), 409, "already-exists")


def test_what_was_deleted_can_still_be_erased_by_its_owner_only(alice: User, bob: User) -> None:
    story = told(alice)
    story.tell(commands.AddMessage, content=CANARY)
    story.tell(commands.DeleteSession)
    assert places() == ["bus_storedevent"]
    with pytest.raises(NotFound):
        Story(story.id, Actor("user", str(bob.pk))).tell(commands.EraseSession)
    story.tell(commands.EraseSession)
    assert places() == []
    assert Removed.objects.get().erased_at is not None
    assert_replay_rebuilds_the_same_rows()


def test_whoever_waited_to_append_is_too_late(alice: User) -> None:
    story = told(alice)
    waiting = ErrorOccurred(source=CANARY, error=CANARY)
    story.tell(commands.EraseSession)
    origin = store.Origin(Context(), 1, story.id)
    with pytest.raises(StreamNotFound):
        raise store.why_not(story.id, None)
    assert store.append(story.id, [waiting], origin, beside=store.Beside()) == []
    assert places() == []


def test_a_run_at_work_is_stopped_and_leaves_nothing(alice: User) -> None:
    story = told(alice, text=CANARY)
    run = ask(story)
    execute("UPDATE bus_work SET state = 'running', lease_until = now() + interval '1 hour' WHERE id = %s", run)
    RunChunk.objects.create(run=run, attempt=1, seq=1, text=CANARY)
    story.tell(commands.EraseSession)
    assert places() == []
    assert not Run.objects.exists()


def grown_old(story: Story, days: int) -> None:
    execute(
        "UPDATE sessions_app_session SET updated_at = now() - make_interval(days => %s) WHERE id = %s", days, story.id
    )


def test_what_has_not_changed_for_long_enough_is_erased(alice: User, bob: User, settings: Settings) -> None:
    mine, kept_for_ever, longer, young, deleted = (told(alice) for _ in range(5))
    his, fresh = told(bob), told(bob)
    for story in (mine, kept_for_ever, longer, his, deleted):
        grown_old(story, 40)
    grown_old(young, 20)
    assert sweep.due() == []
    settings.RETENTION_DAYS = 30
    kept_for_ever.tell(commands.SetRetention, days=0)
    longer.tell(commands.SetRetention, days=50)
    Retention.objects.create(user=bob, days=0)
    deleted.tell(commands.DeleteSession)
    execute("UPDATE sessions_app_removed SET deleted_at = now() - interval '31 days'")
    assert not sweep.prune()
    assert set(Removed.objects.values_list("id", flat=True)) == {mine.id, deleted.id}
    assert set(Session.objects.values_list("id", flat=True)) == {
        kept_for_ever.id,
        longer.id,
        young.id,
        his.id,
        fresh.id,
    }
    Retention.objects.update(days=39)
    sweep.prune()
    assert not Session.objects.filter(id=his.id).exists()


def test_erasing_a_user_erases_what_is_theirs_and_leaves_what_is_others(alice: User, bob: User, capsys: Any) -> None:
    mine, gone, his = told(alice), told(alice), told(bob)
    for story in (mine, gone):
        story.tell(commands.AddMessage, content=CANARY)
    gone.tell(commands.DeleteSession)
    his.tell(commands.ShareSession, username="alice", role="editor")
    bus.execute(commands.AddMessage(session_id=his.id, content="stays"), Context(actor=mine.actor, idempotency_key="k"))
    bus.execute(commands.CreateToken(name=CANARY, scopes=["*"]), Context(actor=mine.actor))
    User.objects.filter(username="alice").update(email=f"{CANARY}@example.org")
    Client().post("/login/", {"username": "alice", "password": "wrong"})
    assert AccessAttempt.objects.exists()
    delivered()
    with pytest.raises(Invalid):
        bus.execute(commands.EraseUser(user_id=int(mine.actor.id)), Context())
    call_command("erase_user", "alice")
    assert "2 sessions would be erased" in capsys.readouterr().out
    call_command("erase_user", "alice", "--yes")
    assert places() == []
    assert [user.username for user in User.objects.exclude(is_active=True)] == [f"erased-{mine.actor.id}"]
    assert not ApiToken.objects.exists()
    assert not AccessAttempt.objects.exists()
    assert not Memory.objects.filter(owner=mine.actor.id).exists()
    assert list(Session.objects.values_list("id", flat=True)) == [his.id]
    assert_replay_rebuilds_the_same_rows()


def test_what_knocks_at_an_erased_account_is_turned_away_as_at_any_other(alice: User) -> None:
    people.erase(alice)
    name = f"erased-{alice.pk}"
    answers = [Client().post("/login/", {"username": who, "password": "wrong"}) for who in (name, "nobody")]
    assert [answer.status_code for answer in answers] == [200, 200]
    user = User.objects.get(username=name)
    user.is_active = True
    user.save()
