"""Logging in: by password, and by a link that works once."""

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from pytest_django import Settings

from sessions_app.login_link import make_link, user_of_link
from sessions_app.models import Session
from tests.story import Story
from tests.web.browser import path_of, shown


def test_one_logs_in_with_a_password_and_out_by_a_button(client: Client, alice: User) -> None:
    wrong = client.post("/login/", {"username": "alice", "password": "guess"})
    assert 'role="alert"' in wrong.content.decode()
    response = client.post("/login/?next=/sessions/", {"username": "alice", "password": "alice-password"})
    assert response.headers["Location"] == "/sessions/"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/sessions/").status_code == 302


def test_a_login_link_works_once(client: Client, alice: User) -> None:
    link = make_link(alice)
    assert link.startswith(settings.PUBLIC_URL)
    for _ in range(2):  # previews look at it, and do not use it up
        assert "Welcome, alice" in shown(client, path_of(link))
    response = client.post(path_of(link))
    first = Session.objects.get(owner=alice)
    assert response.headers["Location"] == f"/sessions/{first.id}/"
    assert 'class="hint"' in shown(client, f"/sessions/{first.id}/")
    assert "alice" in shown(client, "/sessions/")
    for response in (client.get(path_of(link)), Client().post(path_of(link))):
        assert response.status_code == 410
        assert "not good any more" in response.content.decode()


def test_who_has_a_session_is_led_to_the_list(client: Client, alice: User, story: Story) -> None:
    assert client.post(path_of(make_link(alice))).headers["Location"] == "/sessions/"
    assert Session.objects.count() == 1


def test_a_link_used_in_the_second_it_was_made_is_used_up(client: Client, alice: User) -> None:
    client.force_login(alice)  # a login just before, so that the seconds are the same
    alice.refresh_from_db()
    link = make_link(alice)
    assert client.post(path_of(link)).status_code == 302
    assert client.post(path_of(link)).status_code == 410


def test_wrong_links_are_refused(client: Client, alice: User, bob: User) -> None:
    _, _, uid, token, _ = path_of(make_link(alice)).split("/")
    of_bob = path_of(make_link(bob)).split("/")[2]
    for wrong in (
        (of_bob, token),
        (uid, token[:-1] + "x"),
        (uid, "x"),
        ("x", token),
        ("AAAA", token),
        ("9" * 60, token),
    ):
        assert client.get("/enter/{}/{}/".format(*wrong)).status_code == 410
        assert client.post("/enter/{}/{}/".format(*wrong)).status_code == 410
    assert client.get("/sessions/").status_code == 302


def test_links_of_people_who_may_not_log_in_are_refused(alice: User) -> None:
    uid, token = path_of(make_link(alice)).split("/")[2:4]
    assert user_of_link(uid, token) == alice
    User.objects.update(is_active=False)
    assert user_of_link(uid, token) is None


def test_an_old_link_is_refused(alice: User, settings: Settings) -> None:
    uid, token = path_of(make_link(alice)).split("/")[2:4]
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert user_of_link(uid, token) is None


def test_a_link_is_no_link_to_change_a_password(alice: User) -> None:
    assert not default_token_generator.check_token(alice, path_of(make_link(alice)).split("/")[3])
