"""Logins through an OpenID Connect issuer, and that nothing of it is there without one."""

from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.flow.issuer import Issuer, issuer
from tests.flow.stack import Stack


@pytest.fixture(scope="module")
def stack(django_db_setup: None) -> Iterator[Stack]:
    """A web whose issuer is ours."""
    with issuer() as address:
        known = {"OIDC_ISSUER": address, "OIDC_CLIENT_ID": "parley", "OIDC_CLIENT_SECRET": "canary-client-secret"}
        made = Stack("issuer", workers=0, settings={**known, "LOG_LEVEL": "DEBUG"})
        try:
            made.create_database()
            made.manage("migrate", "--noinput", "-v0")
            made.webs[0].start()
            made.wait_for_web(0)
            yield made
        finally:
            made.stop()


def come_in(stack: Stack, **person: object) -> tuple[httpx.Client, httpx.Response]:
    """A browser that presses the button of the login page; where it ends."""
    Issuer.person = dict(person)
    browser = httpx.Client(base_url=stack.url(), timeout=30, follow_redirects=True)
    page = browser.get("/login/").text
    assert "/oidc/issuer/login/" in page
    form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"], "next": "/sessions/"}
    return browser, browser.post("/oidc/issuer/login/", data=form)


def test_whom_the_issuer_knows_is_let_in_and_known_the_next_time(stack: Stack) -> None:
    for _ in range(2):
        browser, answer = come_in(stack, sub="7", preferred_username="dora")
        assert (answer.status_code, answer.url.path) == (200, "/sessions/")
        assert "login-succeeded" in browser.get("/api/v1/account/events/").text
        browser.close()
    assert Issuer.asked["code_challenge_method"] == "S256"
    with stack.connect() as database:
        rows = database.execute("SELECT username FROM auth_user WHERE username LIKE 'dora%'").fetchall()
    assert rows == [("dora",)]


def test_a_name_or_address_that_the_issuer_gives_opens_no_account_made_here(stack: Stack) -> None:
    with stack.connect() as database:
        database.execute("UPDATE auth_user SET email = 'bob@example.org' WHERE username = 'bob'")
    browser, answer = come_in(stack, sub="8", preferred_username="alice")
    assert answer.url.path == "/sessions/"
    with stack.connect() as database:
        said = "SELECT count(*) FROM auth_user WHERE username = 'alice' AND last_login IS NOT NULL"
        assert database.execute(said).fetchone() == (0,)
    browser.close()
    browser, answer = come_in(stack, sub="9", preferred_username="b", email="bob@example.org", email_verified=True)
    assert (answer.status_code, answer.url.path) == (403, "/oidc/refused/")
    assert browser.get("/api/v1/sessions/").status_code == 401
    browser.close()


def test_a_disabled_user_is_not_let_in(stack: Stack) -> None:
    come_in(stack, sub="10", preferred_username="eve")[0].close()
    with stack.connect() as database:
        database.execute("UPDATE auth_user SET is_active = false WHERE username = 'eve'")
    browser, answer = come_in(stack, sub="10", preferred_username="eve")
    assert (answer.status_code, answer.url.path) == (403, "/oidc/inactive/")
    browser.close()


def test_an_answer_that_was_not_asked_for_is_refused_and_nothing_secret_is_logged(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url()}/oidc/issuer/login/callback/?code=canary-code&state=forged")
    assert answer.status_code == 401
    assert "not logged in" in answer.text
    log = stack.webs[0].log.read_text()
    assert "canary-client-secret" not in log
    assert "canary-access" not in log
    assert "canary-code" not in log


def test_without_an_issuer_nothing_of_it_is_there() -> None:
    assert not [app for app in settings.INSTALLED_APPS if "allauth" in app]
    assert not [layer for layer in settings.MIDDLEWARE if "allauth" in layer]
    with pytest.raises(NoReverseMatch):
        reverse("openid_connect_login", args=["issuer"])
    assert Client().get("/oidc/issuer/login/").status_code == 404
