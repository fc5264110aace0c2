"""Brute force: wrong passwords shut the door to a name, from one address, for a while; and to nobody else."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from sessions_app.login_link import make_link

pytestmark = pytest.mark.django_db
LOGIN = "/login/"


def knock(name: str, password: str, address: str = "192.0.2.7", path: str = LOGIN) -> Any:
    return Client().post(path, {"username": name, "password": password}, REMOTE_ADDR=address)


def shut_for(name: str, address: str = "192.0.2.7", path: str = LOGIN) -> None:
    answers = [knock(name, f"wrong {turn}", address, path).status_code for turn in range(5)]
    assert answers == [200] * 4 + [429]


@pytest.mark.parametrize("path", [LOGIN, "/admin/login/"])
def test_the_fifth_wrong_password_shuts_the_door_to_the_right_one_too(charlie: User, path: str) -> None:
    shut_for("charlie", path=path)
    answer = knock("charlie", "charlie-password", path=path)
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "15 minutes" in answer.content.decode()


def test_a_name_that_nobody_has_is_shut_in_the_same_words(alice: User) -> None:
    shut_for("alice")
    shut_for("nobody")
    assert knock("alice", "x").content == knock("nobody", "x").content


def test_nobody_else_is_shut_out(alice: User, bob: User) -> None:
    shut_for("alice")
    assert knock("alice", "alice-password", "192.0.2.8").status_code == 302
    assert knock("bob", "bob-password").status_code == 302
    browser = Client()
    alice.refresh_from_db()  # a link is good until the next login
    link = urlsplit(make_link(alice)).path
    assert browser.post(link, REMOTE_ADDR="192.0.2.7")["Location"].startswith(reverse("sessions"))
    assert browser.get("/sessions/").status_code == 200


def test_the_door_opens_by_itself(alice: User) -> None:
    shut_for("alice")
    for attempt in AccessAttempt.objects.all():
        attempt.attempt_time -= timedelta(seconds=901)
        attempt.save()
    assert knock("alice", "alice-password").status_code == 302
    assert not AccessAttempt.objects.exists()


def test_what_is_kept_of_an_attempt_has_no_credentials(alice: User) -> None:
    knock("alice", "canary-guess")
    assert "canary-guess" not in str(AccessAttempt.objects.values())
    assert "alice-password" not in str(AccessAttempt.objects.values())


def test_a_forged_header_is_no_other_address(alice: User, settings: Any) -> None:
    for turn in range(5):
        forged = {"x-forwarded-for": f"198.51.100.{turn}"}
        answer = Client().post(LOGIN, {"username": "alice", "password": "wrong"}, headers=forged)
    assert answer.status_code == 429
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for said in ("198.51.100.1, 203.0.113.5", "203.0.113.5", "nonsense, 203.0.113.5"):
        Client().post(LOGIN, {"username": "alice", "password": "wrong"}, headers={"x-forwarded-for": said})
    assert AccessAttempt.objects.get(ip_address="203.0.113.5").failures_since_start == 3
