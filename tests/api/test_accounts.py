"""`account/events/` and `service-accounts/`: what happened to an account, and the accounts of programs."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from bus.live.signals import access_changed
from bus.messages import Actor, Context
from sessions_app.models import ApiToken
from tests.api.caller import Caller, problem
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def fewer() -> Iterator[list[str]]:
    """Whose rights became fewer, as told to those who hold connections."""
    told: list[str] = []

    def hear(sender: Any, actor: str, **_: Any) -> None:
        told.append(actor)

    access_changed.connect(hear)
    yield told
    access_changed.disconnect(hear)


def happened(api: Caller) -> list[str]:
    return [event["type"] for event in api.get("account/events/").json()["data"]]


def log_in(name: str, password: str) -> Any:
    return Client().post("/login/", {"username": name, "password": password}, REMOTE_ADDR="192.0.2.7")


def test_ones_own_logins_are_told_and_nobody_elses(alice: User, bob_api: Caller) -> None:
    assert log_in("alice", "wrong").status_code == 200
    assert log_in("nobody", "wrong").status_code == 200
    assert log_in("alice", "alice-password").status_code == 302
    api = Caller(bearer=Caller(alice).post("tokens/", {"name": "x", "scopes": ["tokens:read"]}).json()["token"])
    page = api.get("account/events/?limit=2").json()
    first, second = page["data"]
    assert (first["type"], second["type"]) == ("login-failed", "login-succeeded")
    assert first["data"] == {"user_id": alice.pk, "address": "192.0.2.7"}
    assert first["actor"] == {"type": "system", "id": ""}
    assert second["actor"] == {"type": "user", "id": str(alice.pk)}
    assert (page["has_more"], page["next_after"], page["head"]) == (True, 2, 4)
    assert "wrong" not in str(api.get("account/events/").content)
    assert happened(bob_api) == ["login-succeeded"]
    assert_replay_rebuilds_the_same_rows()


def test_what_ends_rights_is_recorded_and_told_once_it_is_committed(
    alice: User, fewer: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    api, browser = Caller(alice), Client()
    browser.force_login(alice)
    token = api.post("tokens/", {"name": "x", "scopes": ["*"]}).json()["id"]
    with django_capture_on_commit_callbacks(execute=True) as told:
        api.delete(f"tokens/{token}/")
        browser.post("/logout/")
        alice.set_password("another-password")
        alice.save()
        alice.is_active = False
        alice.save()
    assert len(told) >= 4
    assert fewer == [f"user:{alice.pk}"] * 4
    alice.is_active = True
    alice.save()
    api = Caller(alice)
    expected = ["token-revoked", "logged-out", "password-changed", "account-disabled", "account-enabled"]
    assert happened(api)[-6:-1] == expected


def test_a_save_that_changes_no_right_says_nothing(alice: User, fewer: list[str]) -> None:
    alice.first_name = "Alice"
    alice.save()
    alice.set_password("another-password")
    with transaction.atomic():
        alice.save()
        transaction.set_rollback(True)
    assert "password-changed" not in happened(Caller(User.objects.get()))
    assert fewer == []


def test_operators_make_accounts_for_programs_and_their_tokens(charlie_api: Caller) -> None:
    made = charlie_api.post("service-accounts/", {"name": "mail-reader", "description": "Reads mail"})
    assert made.status_code == 201, made.content
    account = made.json()
    assert account | {"name": "mail-reader", "is_active": True, "description": "Reads mail"} == account
    home = f"service-accounts/{account['id']}/"
    assert made["Location"].endswith(home)
    user = User.objects.get(username="mail-reader")
    assert not user.has_usable_password()
    token = charlie_api.post(f"{home}tokens/", {"name": "cron", "scopes": ["sessions:write", "sessions:read"]}).json()
    program = Caller(bearer=token["token"])
    session = program.session()
    assert [row["id"] for row in program.get("sessions/").json()["data"]] == [session]
    assert charlie_api.get("sessions/").json()["data"] == []
    assert [row["id"] for row in charlie_api.get(f"{home}tokens/").json()["data"]] == [token["id"]]
    assert charlie_api.get("tokens/").json()["data"] == []

    assert charlie_api.delete(home).status_code == 204
    problem(program.get("sessions/"), 401, "unauthenticated")
    assert charlie_api.get(home).json()["is_active"] is False
    assert charlie_api.patch(home, {"is_active": True}).json()["is_active"] is True
    assert program.get("sessions/").status_code == 200
    assert charlie_api.delete(f"{home}tokens/{token['id']}/").status_code == 204
    problem(program.get("sessions/"), 401, "unauthenticated")
    assert_replay_rebuilds_the_same_rows()
    assert User.objects.get(username="mail-reader").is_active


def test_a_name_that_is_taken_makes_no_account(charlie_api: Caller, alice: User) -> None:
    problem(charlie_api.post("service-accounts/", {"name": "alice"}), 409, "already-exists")
    problem(charlie_api.post("service-accounts/", {"name": "a b"}), 422, "validation-failed")


def test_no_token_is_made_for_a_person_and_no_person_is_disabled_this_way(charlie_api: Caller, alice: User) -> None:
    body = {"name": "x", "scopes": ["*"]}
    for answer in (
        charlie_api.get(f"service-accounts/{alice.pk}/"),
        charlie_api.delete(f"service-accounts/{alice.pk}/"),
        charlie_api.post(f"service-accounts/{alice.pk}/tokens/", body),
        charlie_api.get(f"service-accounts/{2**70}/"),
    ):
        problem(answer, 404, "not-found")
    assert not ApiToken.objects.exists()


def test_no_command_of_a_person_makes_a_token_for_somebody_else(alice: User, bob: User) -> None:
    from bus.bus import bus
    from bus.exceptions import Forbidden
    from sessions_app.commands import CreateToken

    with pytest.raises(Forbidden):
        bus.execute(CreateToken(name="x", scopes=["*"], user_id=bob.pk), Context(actor=Actor("user", str(alice.pk))))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("service-accounts/", {}),
        ("service-accounts/", {"name": "x\x00"}),
        ("service-accounts/", {"name": "x" * 151}),
        ("service-accounts/", {"name": "x", "user_id": 1}),
        ("service-accounts/", {"name": "x", "session_id": "0198f2c4-aaaa-7000-8000-00000000000a"}),
        ("service-accounts/{id}/", {"is_active": "no"}),
        ("service-accounts/{id}/", {"is_active": False, "is_staff": True}),
        ("service-accounts/{id}/tokens/", {"name": "x", "scopes": ["*"], "user_id": 1}),
    ],
)
def test_what_makes_no_service_account_is_refused(charlie_api: Caller, path: str, body: dict[str, Any]) -> None:
    account = charlie_api.post("service-accounts/", {"name": "known"}).json()["id"]
    answer = charlie_api.call("PATCH" if path.endswith("{id}/") else "POST", path.replace("{id}", str(account)), body)
    assert answer.status_code in (400, 422), answer.content
    assert User.objects.count() == 2
    assert User.objects.get(id=account).is_active
