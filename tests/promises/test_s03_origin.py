"""S3: no cross-site WebSocket: whoever is logged in, a page elsewhere opens none, and nothing is said to it."""

import pytest
from django.conf import settings
from django.test import Client

from config.origins import serialised
from tests.api.handshake import Talk, handshake, headers_of

pytestmark = pytest.mark.django_db(transaction=True)

PING = {"id": 1, "method": "ping"}
FOREIGN = {
    "null": "null",
    "empty": "",
    "another site": "https://evil.example",
    "sub-domain": "http://evil.testserver",
    "parent domain": "http://server",
    "suffix": "http://testserver.evil.example",
    "prefix": "http://eviltestserver",
    "hyphen": "http://evil-testserver",
    "another port": "http://testserver:8080",
    "port 443 of http": "http://testserver:443",
    "port 0": "http://testserver:0",
    "another scheme": "https://testserver",
    "ws": "ws://testserver",
    "file": "file://testserver",
    "no scheme": "testserver",
    "scheme-relative": "//testserver",
    "us as the user": "http://testserver@evil.example",
    "us with a password": "http://testserver:80@evil.example",
    "us as the path": "http://evil.example/http://testserver",
    "us as the query": "http://evil.example?http://testserver",
    "us as the fragment": "http://evil.example#@testserver",
    "backslash": "http://evil.example\\@testserver",
    "trailing dot": "http://testserver.",
    "a user": "http://user@testserver",
    "a path": "http://testserver/",
    "two in one": "http://testserver http://evil.example",
    "list": "http://testserver, http://evil.example",
    "no port": "http://testserver:port",
    "large port": "http://testserver:99999",
    "bracket": "http://[testserver",
    "not ASCII": "http://t\u00e9stserver",
    "dotless i": "http://test\u0131server",
}


def attempt(client: Client, *origins: str) -> Talk:
    return handshake(headers_of(client, *origins), PING)


def refused(talk: Talk) -> bool:
    return not talk.accepted and not talk.frames


def test_our_own_page_opens_a_socket(alice_client: Client) -> None:
    assert settings.ALLOWED_ORIGINS == ["http://testserver"]
    for origin in ("http://testserver", "HTTP://TESTSERVER"):
        assert attempt(alice_client, origin).frames == [{"id": 1, "result": {}}], origin


@pytest.mark.parametrize(
    ("configured", "sent"),
    [
        ("https://Parley.example.org:443/", "https://parley.example.org"),
        ("http://parley.example.org:80", "http://parley.example.org"),
        ("https://parley.example.org:80", "https://parley.example.org:80"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_compared_as_browsers_send_it(configured: str, sent: str) -> None:
    assert serialised(configured) == sent


@pytest.mark.parametrize("case", FOREIGN)
def test_a_page_elsewhere_opens_none(alice_client: Client, case: str) -> None:
    assert refused(attempt(alice_client, FOREIGN[case]))


def test_a_client_that_does_not_say_where_it_is_from_opens_none(alice_client: Client) -> None:
    assert refused(attempt(alice_client))


@pytest.mark.parametrize("second", ["http://evil.example", "http://testserver"])
def test_two_origins_open_none(alice_client: Client, second: str) -> None:
    assert refused(attempt(alice_client, "http://testserver", second))
    assert refused(attempt(alice_client, second, "http://testserver"))


@pytest.mark.parametrize("path", ["/ws/v1/", "/ws/sessions/0198f2c4-aaaa-7000-8000-00000000000a/", "/ws/nothing/"])
def test_every_address_looks_at_the_origin_first(alice_client: Client, path: str) -> None:
    assert refused(handshake(headers_of(alice_client, "https://evil.example"), PING, path=path))
