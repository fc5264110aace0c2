"""Tokens and the accounts of programs in the admin: looked at without hashes, changed by commands only."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from bus.models import StoredEvent
from sessions_app.models import ApiToken
from tests.api.caller import Caller, problem

pytestmark = pytest.mark.django_db
TOKENS = "/admin/sessions_app/apitoken/"
ACCOUNTS = "/admin/sessions_app/serviceaccount/"


def act(client: Client, page: str, action: str, *selected: Any) -> Any:
    return client.post(page, {"action": action, "_selected_action": [str(ident) for ident in selected]}, follow=True)


@pytest.fixture
def staff(charlie: User) -> Client:
    client = Client()
    client.force_login(charlie)
    return client


def test_operators_see_tokens_without_their_hashes_and_revoke_them(staff: Client, alice: User, charlie: User) -> None:
    made = Caller(alice).post("tokens/", {"name": "hers", "scopes": ["*"]}).json()
    program, kept = Caller(bearer=made["token"]), ApiToken.objects.get()
    for page in (TOKENS, f"{TOKENS}{made['id']}/change/"):
        shown = staff.get(page).content.decode()
        assert made["prefix"] in shown
        assert kept.digest not in shown
    assert staff.post(f"{TOKENS}{made['id']}/change/", {"name": "x"}).status_code == 403
    act(staff, TOKENS, "revoke_selected", made["id"])
    problem(program.get("sessions/"), 401, "unauthenticated")
    assert StoredEvent.objects.get(type="token-revoked").actor == f"staff:{charlie.pk}"


def test_operators_switch_accounts_of_programs(staff: Client, charlie: User) -> None:
    account = Caller(charlie).post("service-accounts/", {"name": "mail-reader"}).json()["id"]
    assert "mail-reader" in staff.get(ACCOUNTS).content.decode()
    act(staff, ACCOUNTS, "disable_selected", account)
    assert not User.objects.get(id=account).is_active
    act(staff, ACCOUNTS, "enable_selected", account)
    assert User.objects.get(id=account).is_active
    switched = StoredEvent.objects.filter(type__startswith="account-").values_list("type", "actor")
    assert sorted(switched) == [(f"account-{how}", f"staff:{charlie.pk}") for how in ("disabled", "enabled")]
