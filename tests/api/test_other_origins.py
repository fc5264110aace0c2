"""Pages of other origins: none by default; those that are named, with a token and never with a cookie."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import contract
from tests.api.caller import Caller

THERE = "https://app.example.org"
ASKS = {"access_control_request_method": "POST", "access_control_request_headers": "authorization,idempotency-key"}


def test_no_other_origin_is_let_in_unless_it_is_named(api: Caller) -> None:
    for answer in (api.get("sessions/", origin=THERE), api.call("OPTIONS", "sessions/", origin=THERE, **ASKS)):
        assert "Access-Control-Allow-Origin" not in answer


def test_an_origin_that_is_named_may_ask_with_a_token_and_see_the_headers(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CORS_ALLOWED_ORIGINS", [THERE])
    asked = api.call("OPTIONS", "sessions/", origin=THERE, **ASKS)
    assert asked["Access-Control-Allow-Origin"] == THERE
    assert {"authorization", "idempotency-key", "if-match"} <= set(asked["Access-Control-Allow-Headers"].split(", "))
    answer = api.post("sessions/", {}, origin=THERE)
    assert answer["Access-Control-Allow-Origin"] == THERE
    shown = set(answer["Access-Control-Expose-Headers"].split(", "))
    assert shown >= {"ETag", "Location", "Link", "Retry-After", "X-Request-ID"}
    for one in (asked, answer):
        assert "Access-Control-Allow-Credentials" not in one
    assert "Access-Control-Allow-Origin" not in api.get("sessions/", origin="https://app.example.org.evil.example")
    assert "Access-Control-Allow-Origin" not in api.get("/login/", origin=THERE)


@pytest.mark.parametrize("origins", ["*", "app.example.org", "https://*.example.org", "https://a.example/path"])
def test_what_is_no_origin_is_not_taken(origins: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        contract.checked_origins([origins])
