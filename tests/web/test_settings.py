"""The pages of one's own settings."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from bus.registry import default
from sessions_app.accounts.principals import principal_of
from sessions_app.events import accounts
from sessions_app.models import ApiToken, ProviderKey
from sessions_app.pages.settings.log import SAID
from tests.web.browser import said, shown

PAGES = ("", "password/", "tokens/", "providers/", "display/", "log/")


def test_the_profile_is_kept_and_nobody_elses(alice_client: Client, alice: User, bob: User) -> None:
    fields = {"first_name": "Ada", "last_name": "L.", "email": "ada@example.org", "username": "root", "is_staff": "on"}
    assert alice_client.post("/settings/", fields)["Location"] == "/settings/"
    alice.refresh_from_db()
    assert (alice.first_name, alice.email, alice.username, alice.is_staff) == ("Ada", "ada@example.org", "alice", False)
    assert "Your profile is saved." in shown(alice_client, "/settings/")
    refused = alice_client.post("/settings/", {"email": "no address", "first_name": "x\x00"})
    assert refused.status_code == 422
    assert said(refused).count('role="alert"') == 2
    bob.refresh_from_db()
    assert bob.first_name == ""


def test_where_a_login_service_says_addresses_nobody_chooses_one(
    alice_client: Client, alice: User, settings: Settings
) -> None:
    settings.OIDC_ISSUER = "https://login.example.org"
    assert 'name="email"' not in shown(alice_client, "/settings/")
    alice_client.post("/settings/", {"first_name": "Ada", "email": "bob@example.org"})
    alice.refresh_from_db()
    assert (alice.first_name, alice.email) == ("Ada", "")


def test_the_password_is_changed_by_who_knows_the_old_one(alice_client: Client, alice: User) -> None:
    new = {"new_password1": "correct-horse-7", "new_password2": "correct-horse-7"}
    wrong = alice_client.post("/settings/password/", {"old_password": "guess", **new})
    assert 'role="alert"' in said(wrong)
    answer = alice_client.post("/settings/password/", {"old_password": "alice-password", **new})
    assert answer["Location"] == "/settings/"
    alice.refresh_from_db()
    assert alice.check_password("correct-horse-7")
    assert "password was changed" in shown(alice_client, "/settings/log/")


def test_who_has_no_password_is_told_so(alice_client: Client, alice: User) -> None:
    alice.set_unusable_password()
    alice.save()
    alice_client.force_login(alice)
    assert "You have no password here" in shown(alice_client, "/settings/")
    assert "You may not do this" in shown(alice_client, "/settings/password/", 403)


def test_a_token_is_told_once_and_revoked(alice_client: Client, bob_client: Client, alice: User) -> None:
    fields = {"name": "<nightly>", "scopes": ["sessions:read", "runs:write"], "expires_in": "604800"}
    made = alice_client.post("/settings/tokens/", fields)
    secret = re.search(r"parley_[\w-]{43}", said(made))
    assert secret is not None
    assert "no-store" in made["Cache-Control"]
    token = ApiToken.objects.get()
    assert (token.user, token.scopes) == (alice, ["runs:write", "sessions:read"])
    listed = shown(alice_client, "/settings/tokens/")
    assert "&lt;nightly&gt;" in listed
    assert secret[0] not in listed
    revoke = f"/settings/tokens/{token.id}/revoke/"
    assert bob_client.post(revoke).status_code == 404
    assert principal_of(secret[0]) is not None
    assert alice_client.post(revoke)["Location"] == "/settings/tokens/"
    assert principal_of(secret[0]) is None
    assert "A token was revoked" in shown(alice_client, "/settings/log/")
    assert "nightly" not in shown(bob_client, "/settings/log/")


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": ["*"]},
        {"name": "x"},
        {"name": "x", "scopes": ["sudo"]},
        {"name": "x", "scopes": ["*"], "expires_in": "7"},
    ],
)
def test_a_token_that_cannot_be_is_refused_in_words(alice_client: Client, fields: dict[str, object]) -> None:
    refused = alice_client.post("/settings/tokens/", fields)
    assert refused.status_code == 422
    assert 'role="alert"' in said(refused)
    assert not ApiToken.objects.exists()


def test_a_page_of_tokens_costs_as_much_as_one_of_one(alice_client: Client) -> None:
    costs = []
    for _ in range(2):
        alice_client.post("/settings/tokens/", {"name": "x", "scopes": ["*"]})
        with CaptureQueriesContext(connection) as asked:
            shown(alice_client, "/settings/tokens/?before=nonsense")
        costs.append(len(asked))
    assert costs[0] == costs[1]


def test_providers_say_whether_they_can_be_asked_and_never_their_keys(alice_client: Client) -> None:
    ProviderKey.objects.create(provider="anthropic", secret="sealed", hint="9999")
    page = shown(alice_client, "/settings/providers/")
    assert [*re.findall(r"<strong>(\w+)</strong>\s*<span", page)][:2] == ["anthropic", "echo"]
    assert "9999" not in page
    assert "An operator can save a key" in page


def test_theme_and_language_are_the_browsers(alice_client: Client) -> None:
    answer = alice_client.post("/theme/", {"theme": "dark", "next": "/settings/display/"})
    assert answer["Location"] == "/settings/display/"
    assert 'data-theme="dark"' in shown(alice_client, "/settings/display/")
    away = alice_client.post("/theme/", {"theme": "<script>", "next": "//evil.example/"})
    assert away["Location"] == "/sessions/"
    assert 'data-theme="dark"' in shown(alice_client, "/sessions/")
    alice_client.post("/language/", {"language": "de", "next": "/settings/display/"})
    assert '<html lang="de"' in shown(alice_client, "/settings/display/")


def test_the_log_of_the_account_is_in_words_and_pages(alice_client: Client, alice: User) -> None:
    for _ in range(26):
        alice_client.force_login(alice)
        alice_client.logout()
    alice_client.force_login(alice)
    page = shown(alice_client, "/settings/log/")
    assert page.count(str(SAID["login-succeeded"])) + page.count(str(SAID["logged-out"])) >= 50
    older = re.search(r'href="(\?before=\d+)"', page)
    assert older is not None
    assert "Older" not in shown(alice_client, f"/settings/log/{older[1]}")
    for odd in ("0", "-1", "x", "9" * 30):
        shown(alice_client, f"/settings/log/?before={odd}")


def test_every_event_of_an_account_is_told_in_words() -> None:
    ours = {name for name, kind in default.events.items() if kind.__module__ == accounts.__name__}
    assert ours == set(SAID)


@pytest.mark.parametrize("path", PAGES)
def test_settings_are_for_those_who_are_logged_in_and_are_not_kept(
    alice_client: Client, client: Client, path: str
) -> None:
    assert client.get(f"/settings/{path}")["Location"].startswith("/login/")
    assert "no-cache" in alice_client.get(f"/settings/{path}")["Cache-Control"]
