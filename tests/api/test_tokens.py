"""`tokens/`: made once in clear, scoped, over or revoked; and what they let a program do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from bus.models import Idempotency, StoredEvent
from sessions_app.accounts.secrets import digest
from sessions_app.models import ApiToken, TokenUse
from tests.api.caller import Caller, problem
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db


def made(api: Caller, *scopes: str, **fields: Any) -> dict[str, Any]:
    answer = api.post("tokens/", {"name": "a program", "scopes": list(scopes), **fields})
    assert answer.status_code == 201, answer.content
    token: dict[str, Any] = answer.json()
    return token


def bearer(api: Caller, *scopes: str, **fields: Any) -> Caller:
    return Caller(bearer=made(api, *scopes, **fields)["token"])


def test_a_token_is_told_once_and_kept_as_its_hash(api: Caller) -> None:
    token = made(api, "sessions:read", "runs:write")
    text = token["token"]
    assert text.startswith("parley_")
    assert token["prefix"] == text[: len(token["prefix"])]
    kept = ApiToken.objects.get()
    assert kept.digest == digest(text)
    shown = api.get("tokens/").json()["data"] + [api.get(f"tokens/{token['id']}/").json()]
    assert shown == [{name: value for name, value in token.items() if name != "token"}] * 2
    assert text not in str([*StoredEvent.objects.values()])
    assert_replay_rebuilds_the_same_rows()


def test_a_repeated_key_answers_the_token_without_its_text(api: Caller) -> None:
    body = {"name": "a program", "scopes": ["*"]}
    first, second = (api.post("tokens/", body, idempotency_key="k") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json() | {"token": None}
    assert first.json()["token"] not in str(Idempotency.objects.values_list("result", flat=True))


def test_a_program_works_with_its_token_and_without_csrf(api: Caller, session: str) -> None:
    program = bearer(api, "sessions:read", "sessions:write")
    program.client.handler.enforce_csrf_checks = True
    assert program.say(session, "hello")["role"] == "user"
    assert [row["id"] for row in program.get("sessions/").json()["data"]] == [session]


def test_when_it_was_last_used_is_told_to_the_minute(api: Caller) -> None:
    token = made(api, "sessions:read")
    assert token["last_used_at"] is None
    program = Caller(bearer=token["token"])
    program.get("sessions/")
    first = TokenUse.objects.get().at
    program.get("sessions/")
    assert TokenUse.objects.get().at == first
    TokenUse.objects.update(at=first - timedelta(seconds=61))
    program.get("sessions/")
    assert TokenUse.objects.get().at >= first
    assert api.get(f"tokens/{token['id']}/").json()["last_used_at"] is not None


@pytest.mark.parametrize("path", ["sessions/", "commands/"])
def test_what_lacks_a_scope_is_told_which(api: Caller, path: str) -> None:
    program = bearer(api, "runs:write")
    answer = program.post(path, {"name": "list-sessions"} if path == "commands/" else {})
    wanted = "commands:write" if path == "commands/" else "sessions:write"
    assert wanted in problem(answer, 403, "forbidden")["detail"]
    assert answer["WWW-Authenticate"] == f'Bearer error="insufficient_scope", scope="{wanted}"'


def test_a_command_needs_its_own_scope_too(api: Caller, session: str) -> None:
    program = bearer(api, "commands:write", "sessions:read")
    assert program.post("commands/", {"name": "list-sessions"}).status_code == 200
    payload = {"session_id": session, "content": "hello"}
    for prefer in ("", "respond-async"):
        answer = program.post("commands/", {"name": "add-message", "payload": payload}, prefer=prefer)
        assert "sessions:write" in problem(answer, 403, "forbidden")["detail"]


def test_a_message_that_is_to_be_answered_needs_the_scope_of_runs(api: Caller, session: str) -> None:
    program = bearer(api, "sessions:write")
    answer = program.post(f"sessions/{session}/messages/", {"content": "hello", "answer": True})
    assert "runs:write" in problem(answer, 403, "forbidden")["detail"]


@pytest.mark.parametrize("given", ["*", "sessions:write"])
def test_no_token_makes_one_that_may_do_more(api: Caller, given: str) -> None:
    program = bearer(api, "tokens:write", "sessions:read")
    problem(program.post("tokens/", {"name": "more", "scopes": [given]}), 403, "forbidden")
    assert made(program, "sessions:read")["token"]


def test_no_token_makes_one_that_lives_longer(api: Caller) -> None:
    program = bearer(api, "*", expires_in=3600)
    problem(program.post("tokens/", {"name": "x", "scopes": ["*"], "expires_in": 7200}), 422, "validation-failed")
    made(program, "*")
    assert len(set(ApiToken.objects.values_list("expires_at", flat=True))) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["sessions"]},
        {"scopes": ["session:read"]},
        {"name": ""},
        {"expires_in": 0},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2090-01-01T00:00:00"},
        {"expires_in": 5, "expires_at": "2090-01-01T00:00:00Z"},
        {"digest": "0" * 64},
        {"user_id": 1},
        {"latest": None},
    ],
)
def test_what_makes_no_token_is_refused(api: Caller, fields: dict[str, Any]) -> None:
    problem(api.post("tokens/", {"name": "x", "scopes": ["*"], **fields}), 422, "validation-failed")
    assert not ApiToken.objects.exists()


def test_a_revoked_token_lets_nobody_in_and_stays_in_the_list(api: Caller) -> None:
    token = made(api, "*")
    program = Caller(bearer=token["token"])
    assert program.get("sessions/").status_code == 200
    assert api.delete(f"tokens/{token['id']}/").status_code == 204
    assert api.delete(f"tokens/{token['id']}/").status_code == 204
    problem(program.get("sessions/"), 401, "unauthenticated")
    assert api.get("tokens/").json()["data"][0]["revoked_at"] is not None
    assert StoredEvent.objects.filter(type="token-revoked").count() == 1
    assert_replay_rebuilds_the_same_rows()


def test_what_is_no_token_is_refused_in_the_words_for_one_that_is_over(api: Caller, alice: User) -> None:
    good = made(api, "*")["token"]
    over = made(api, "*")
    ApiToken.objects.filter(id=over["id"]).update(expires_at=datetime(2026, 1, 1, tzinfo=UTC))
    wrong = ["", "x", "parley_", good[:-1], good + "A", good.replace("parley_", "parley-"), "é" * 50, over["token"]]
    answers = [Caller(bearer=text).get("sessions/") for text in wrong]
    assert {(answer.status_code, answer["WWW-Authenticate"], answer.json()["detail"]) for answer in answers} == {
        (401, "Bearer", answers[0].json()["detail"])
    }


def test_no_session_can_begin_where_an_accounts_log_is(api: Caller, bob: User) -> None:
    from sessions_app.accounts.streams import stream_of, user_of

    stream = stream_of(bob.pk)
    assert (user_of(stream), stream.version, stream.variant) == (bob.pk, 8, "specified in RFC 4122")
    problem(api.put(f"sessions/{stream}/", {}), 404, "not-found")
    problem(api.post("sessions/", {"id": str(stream)}), 404, "not-found")
