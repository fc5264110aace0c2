"""`sessions/{id}/shares/`: who else may use a session, what they are shown, and what they cannot reach through it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bus.bus import bus
from bus.live.signals import access_changed
from bus.messages import SYSTEM, Actor, Context
from sessions_app import queries, rights
from sessions_app.models import Run, Session, SessionShare
from tests.api.caller import Caller, problem, recorded
from tests.story import assert_replay_rebuilds_the_same_rows


@pytest.fixture
def withdrawn() -> Iterator[list[str]]:
    """Whose rights have become fewer."""
    seen: list[str] = []

    def note(actor: str, **_: Any) -> None:
        seen.append(actor)

    access_changed.connect(note)
    yield seen
    access_changed.disconnect(note)


def share(api: Caller, session: str, username: str = "bob", role: str = "viewer") -> Any:
    return api.post(f"sessions/{session}/shares/", {"username": username, "role": role})


def test_a_session_is_shared_its_role_changed_and_taken_back(
    api: Caller, bob_api: Caller, bob: User, session: str
) -> None:
    first = share(api, session)
    assert first.status_code == 201, first.content
    assert {name: first.json()[name] for name in ("user_id", "username", "role")} == {
        "user_id": bob.pk,
        "username": "bob",
        "role": "viewer",
    }
    before = recorded()
    assert share(api, session).status_code == 200
    assert recorded() == before
    assert share(api, session, role="editor").json()["role"] == "editor"
    assert [row["role"] for row in api.get(f"sessions/{session}/shares/").json()["data"]] == ["editor"]
    bob_api.say(session, "I am here")
    assert_replay_rebuilds_the_same_rows()
    assert api.delete(f"sessions/{session}/shares/{bob.pk}/").status_code == 204
    problem(api.delete(f"sessions/{session}/shares/{bob.pk}/"), 404, "not-found")
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"username": "nobody"}, "Nobody of that name"),
        ({"username": "gone"}, "Nobody of that name"),
        ({"username": "alice"}, "with its owner"),
        ({"username": "bob", "role": "owner"}, "role"),
        ({"role": "viewer"}, "username"),
    ],
)
def test_it_is_not_shared_with_nobody_with_oneself_or_as_something_else(
    api: Caller, bob: User, session: str, body: dict[str, str], said: str
) -> None:
    User.objects.create_user("gone", is_active=False)
    before = recorded()
    assert said in str(problem(api.post(f"sessions/{session}/shares/", body), 422, "validation-failed"))
    assert recorded() == before


def test_lists_keep_ones_own_and_what_others_share_apart(api: Caller, bob_api: Caller, bob: User, session: str) -> None:
    own = bob_api.session(title="own")
    share(api, session, role="editor")
    (mine,) = bob_api.get("sessions/").json()["data"]
    assert (mine["id"], mine["role"], mine["owner"]) == (own, "owner", None)
    (other,) = bob_api.get("sessions/?shared=true").json()["data"]
    assert (other["id"], other["role"], other["owner"]) == (session, "editor", "alice")
    shown = bob_api.get(f"sessions/{session}/").json()
    assert (shown["role"], shown["owner"]) == ("editor", "alice")
    assert [row["id"] for row in bob_api.post("commands/", {"name": "list-sessions"}).json()["data"]] == [own]
    assert api.get("sessions/?shared=true").json()["data"] == []
    assert api.get(f"sessions/{session}/").json()["role"] == "owner"
    problem(api.get("sessions/?shared=x"), 422, "validation-failed")


def test_whom_else_it_is_shared_with_is_the_owners_to_know_and_to_change(
    api: Caller, bob_api: Caller, bob: User, charlie: User, session: str
) -> None:
    share(api, session, role="editor")
    share(api, session, "charlie")
    assert [row["username"] for row in api.get(f"sessions/{session}/shares/").json()["data"]] == ["bob", "charlie"]
    assert [row["username"] for row in bob_api.get(f"sessions/{session}/shares/").json()["data"]] == ["bob"]
    problem(bob_api.delete(f"sessions/{session}/shares/{charlie.pk}/"), 403, "forbidden")
    problem(bob_api.delete(f"sessions/{session}/shares/{charlie.pk + 1000}/"), 403, "forbidden")
    assert bob_api.delete(f"sessions/{session}/shares/{bob.pk}/").status_code == 204
    problem(bob_api.get(f"sessions/{session}/"), 404, "not-found")


@pytest.mark.django_db(transaction=True)
def test_whoever_loses_a_session_is_named_once_that_is_committed(
    api: Caller, bob: User, session: str, withdrawn: list[str]
) -> None:
    share(api, session, role="editor")
    withdrawn.clear()
    api.delete(f"sessions/{session}/shares/{bob.pk}/")
    assert withdrawn == [f"user:{bob.pk}"]


@pytest.mark.django_db(transaction=True)
def test_an_editors_message_is_one_statement_too(api: Caller, bob_api: Caller, bob: User, session: str) -> None:
    share(api, session, role="editor")
    bob_api.say(session)
    command = bus.registry.command("add-message", {"session_id": session, "content": "x"})
    with CaptureQueriesContext(connection) as asked:
        bus.execute(command, Context(actor=Actor("user", str(bob.pk))))
    assert sum("bus_stream" in query["sql"] for query in asked.captured_queries) == 1
    assert not any("BEGIN" in query["sql"] for query in asked.captured_queries)


def test_a_repeated_key_shows_nothing_of_a_session_that_was_taken_away(
    api: Caller, bob_api: Caller, bob: User, session: str
) -> None:
    share(api, session, role="editor")
    places: tuple[tuple[str, dict[str, Any]], ...] = (
        ("messages", {"content": "hello"}),
        ("conversations", {"name": "mine"}),
    )
    for place, body in places:
        made = bob_api.post(f"sessions/{session}/{place}/", body, idempotency_key=place)
        assert made.status_code == 201
        assert (
            bob_api.post(f"sessions/{session}/{place}/", body, idempotency_key=place).json()["id"] == made.json()["id"]
        )
    api.delete(f"sessions/{session}/shares/{bob.pk}/")
    for place, body in places:
        problem(bob_api.post(f"sessions/{session}/{place}/", body, idempotency_key=place), 404, "not-found")


def test_lists_and_look_ups_never_read_the_whole_table(alice: User, bob: User) -> None:
    """With 20,000 sessions of many people, of which Bob has some and may read some."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (username, password, is_superuser, is_staff, is_active, first_name, last_name,"
            " email, date_joined)"
            " SELECT 'u' || n, '', false, false, true, '', '', '', now() FROM generate_series(1, 200) AS n"
        )
        cursor.execute(
            "INSERT INTO sessions_app_session (id, owner_id, title, provider, model, config, metadata, is_active,"
            " message_count, prompt_tokens, completion_tokens, context_tokens, created_at, updated_at)"
            " SELECT gen_random_uuid(), (SELECT max(id) FROM auth_user) - n % 200, '', '', '', '{}', '{}', true, 0, 0,"
            " 0, 0, now(), now() - n * interval '1 s' FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("UPDATE sessions_app_session SET owner_id = %s WHERE random() < 0.005", [bob.pk])
        cursor.execute(
            "INSERT INTO sessions_app_sessionshare (id, session_id, user_id, role, granted_by, created_at)"
            " SELECT id, id, %s, 'viewer', '', now() FROM sessions_app_session WHERE owner_id <> %s LIMIT 50",
            [bob.pk, bob.pk],
        )
        cursor.execute("ANALYZE sessions_app_session, sessions_app_sessionshare, auth_user")
        cursor.execute("SET LOCAL enable_seqscan = off")  # 20,000 rows are few: what matters is that it can do without
    actor = Actor("user", str(bob.pk))
    some = SessionShare.objects.values_list("session_id", flat=True)[0]
    lists = queries.own_of(actor).order_by("-updated_at", "-id")[:21]
    assert "Limit" in lists.explain().splitlines()[0]
    assert "session_newest" in lists.explain()
    runs = Run.objects.filter(id=some, session__in=queries.sessions_of(actor))
    shared = rights.shared_with(actor).order_by("-updated_at", "-id")[:21]
    for rows in (lists, shared, queries.sessions_of(actor).filter(id=some), runs):
        plan = rows.explain()
        print(plan)
        assert "Seq Scan" not in plan, plan
    assert queries.sessions_of(actor).count() == Session.objects.filter(owner=bob).count() + 50
    assert queries.sessions_of(SYSTEM).count() == Session.objects.count()


def test_a_tool_in_a_shared_session_reaches_that_session_only(api: Caller, bob: User, session: str) -> None:
    other = api.session()
    actor = rights.confined(UUID(session))
    assert [str(one.id) for one in queries.sessions_of(actor)] == [session]
    assert rights.may_change(actor, UUID(session))
    assert not rights.may_change(actor, UUID(other))
    assert not rights.owns(actor, UUID(session))


def test_a_key_tells_nothing_again_to_whom_it_was_unshared_with(
    api: Caller, bob_api: Caller, bob: User, session: str
) -> None:
    share(api, session, role="editor")
    path, body = f"sessions/{session}/messages/", {"content": "first"}
    said = bob_api.post(path, body, idempotency_key="k").json()
    assert bob_api.post(path, body, idempotency_key="k").json() == said
    added = {"prompt_tokens": 1}
    assert bob_api.post(f"sessions/{session}/metrics/", added, idempotency_key="m").status_code == 200
    leave = {"name": "unshare-session", "payload": {"session_id": session, "user_id": bob.pk}}
    left = [bob_api.post("commands/", leave, idempotency_key="leave").json() for _ in range(2)]
    assert left[0] == left[1]
    changed = api.patch(f"{path}{said['id']}/", {"content": "secret"}, if_match="*")
    assert changed.status_code == 200
    for address, sent, key in ((path, body, "k"), (f"sessions/{session}/metrics/", added, "m")):
        problem(bob_api.post(address, sent, idempotency_key=key), 404, "not-found")


def test_a_key_tells_nothing_again_to_a_token_that_may_do_less(api: Caller, session: str) -> None:
    few = Caller(bearer=api.post("tokens/", {"name": "x", "scopes": ["commands:write"]}).json()["token"])
    said = {"name": "add-message", "payload": {"session_id": session, "content": "x"}}
    assert api.post("commands/", said, idempotency_key="k").status_code == 200
    problem(few.post("commands/", said, idempotency_key="k"), 403, "forbidden")
