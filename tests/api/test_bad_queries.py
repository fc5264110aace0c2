"""No query parameter, cursor or header yields a failure of ours: an answer, or a refusal as a problem document."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.bad_values import SOME
from tests.api.caller import Caller, any_problem, problem, recorded

PARAMETERS = {
    "sessions/": ["q", "provider", "model", "is_active", "limit", "cursor", "format", "nothing"],
    "sessions/{}/messages/": ["conversation", "order", "limit", "cursor"],
    "sessions/{}/conversations/": ["archived", "limit", "cursor"],
    "sessions/{}/history/": ["node", "max_depth", "shape", "limit", "cursor"],
    "sessions/{}/events/": ["after", "types", "limit"],
    "sessions/{}/state/": ["at_version"],
    "sessions/{}/artifacts/": ["name", "limit", "cursor"],
    "prompts/summarize/": ["version"],
}
VALUES = {
    "empty": "",
    "NUL": "%00",
    "NUL inside": "a%00b",
    "bad utf-8": "%ff%fe",
    "encoded surrogate": "%ED%A0%80",
    "line breaks": "a%0d%0aSet-Cookie: x=y",
    "negative": "-1",
    "fraction": "1.5",
    "exponent": "1e3",
    "plus": "%2B1",
    "underscore": "1_0",
    "other digits": quote("\u0661\u0662"),
    "superscript": quote("\u00b2"),
    "2 ** 70": str(2**70),
    "5,000 digits": "9" * 5000,
    "long": "x" * 20_000,
    "SQL": quote("' OR 1=1 --"),
    "format string": quote("{0.__class__} %s %(x)s"),
    "percent": "%25",
    "stars": "%2A" * 100,
}


def key(*values: Any) -> str:
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


CURSORS = {
    "nonsense": "nonsense",
    "not base64": "%21%21%21",
    "no text": quote("\u2603"),
    "no JSON": urlsafe_b64encode(b"\xff\x00").decode(),
    "no list": urlsafe_b64encode(b'{"a": 1}').decode(),
    "empty list": key(),
    "too long": key("2024-01-01T00:00:00Z", SOME, 1),
    "wrong kinds": key(1, 2),
    "no id": key("2024-01-01T00:00:00Z", "x"),
    "no zone": key("2024-01-01T00:00:00", SOME),
    "nulls": key(None, None),
    "lists": key([], []),
    "deep": urlsafe_b64encode(b"[" * 5000).decode(),
    "huge": urlsafe_b64encode(b'["' + b"x" * 100_000).decode(),
    "of another list": key(5),
    "text for a number": key("5"),
    "fraction": key(1.5),
    "truth": key(True),
}
EXTREMES = {
    "year 9999": key("9999-12-31T23:59:59-23:59", SOME),
    "year 1": key("0001-01-01T00:00:00+23:59", SOME),
    "2 ** 70": key(2**70),
    "-2 ** 70": key(-(2**70)),
    "5,000 digits": urlsafe_b64encode(b"[" + b"9" * 5000 + b"]").decode(),
}


def sound(answer: Any) -> None:
    """An answer, or a refusal in the form of all refusals."""
    assert answer.status_code < 500, answer.content[:500]
    if answer.status_code != 200:
        any_problem(answer)


@pytest.mark.parametrize("case", VALUES)
def test_no_query_parameter_makes_the_server_fail(api: Caller, session: str, case: str) -> None:
    for path, names in PARAMETERS.items():
        for name in names:
            sound(api.get(f"{path.format(session)}?{name}={VALUES[case]}"))
    sound(api.get(f"sessions/?{VALUES[case]}={VALUES[case]}&q=a&q=b"))


def test_a_cursor_that_was_not_given_out_is_refused(api: Caller, session: str) -> None:
    for path in ("sessions/", f"sessions/{session}/messages/"):
        for case, cursor in CURSORS.items():
            answer = api.get(f"{path}?cursor={cursor}")
            if "messages" in path and case == "of another list":
                assert answer.json()["data"] == []
            else:
                assert problem(answer, 422, "validation-failed"), case


@pytest.mark.parametrize("case", EXTREMES)
def test_a_cursor_at_the_end_of_time_is_no_failure(api: Caller, session: str, case: str) -> None:
    for path in ("sessions/", f"sessions/{session}/messages/", f"sessions/{session}/messages/?order=desc&"):
        sound(api.get(f"{path}{'' if '?' in path else '?'}cursor={EXTREMES[case]}"))


def test_a_cursor_leads_to_nobody_elses_rows(api: Caller, bob_api: Caller, session: str) -> None:
    api.session(title="another")
    cursor = api.get("sessions/?limit=1").json()["next_cursor"]
    assert bob_api.get(f"sessions/?cursor={cursor}").json()["data"] == []
    other = api.session()
    said = api.say(session)["position"]
    assert api.get(f"sessions/{other}/messages/?cursor={key(said - 1)}").json()["data"] == []


HEADER_VALUES = ["", "\x00", "a\x00b", "\u00e9", "x" * 10_000, '"', "*, *", '"v1', "\x7f", "a\tb"]


@pytest.mark.parametrize(
    "name",
    [
        *("If-Match", "If-None-Match", "Idempotency-Key", "X-Request-ID", "Prefer", "Accept", "Accept-Language"),
        *("Origin", "Referer", "User-Agent", "Authorization", "Cookie", "Content-Encoding", "Traceparent", "Range"),
        "Last-Event-ID",
    ],
)
def test_no_header_makes_the_server_fail(api: Caller, session: str, name: str) -> None:
    path = f"sessions/{session}/"
    before = recorded()
    for value in HEADER_VALUES:
        named = {name.lower().replace("-", "_"): value}
        sound(api.get(path, **named))
        for method, target in (("PATCH", path), ("POST", "commands/"), ("DELETE", path)):
            answer = api.call(method, target, {"name": "no-such-command"}, **({"if_match": '"v9"'} | named))
            assert 400 <= answer.status_code < 500
            any_problem(answer)
    assert recorded() == before


@pytest.mark.parametrize("path", ["/api/v1/sessions/", "/sessions/", "/login/"])
def test_no_session_cookie_makes_the_server_fail(stranger_api: Caller, path: str) -> None:
    for cookie in (r'"abcdefgh\000ijkl"', r'"\000\000\000\000\000\000\000\000"', '"' + "x" * 5000 + '"'):
        assert stranger_api.get(path, cookie=f"sessionid={cookie}").status_code < 500


def test_a_foreign_host_is_refused_with_a_problem(api: Caller) -> None:
    for host in ("evil.example.org", "a b", "testserver:x", ""):
        answer = api.get("sessions/", host=host)
        assert answer.status_code == 400
        any_problem(answer)


@pytest.mark.parametrize(
    "before", ["x", "9" * 5000, "-1", "%00", "2024-01-01T00:00:00~x", f"2024-01-01T00:00:00Z~{SOME}"]
)
def test_no_place_in_a_page_makes_the_server_fail(api: Caller, session: str, before: str) -> None:
    for path in ("/sessions/", f"/sessions/{session}/"):
        assert api.get(f"{path}?before={before}").status_code == 200


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"])
def test_no_moment_in_a_page_makes_the_server_fail(api: Caller, moment: str) -> None:
    assert api.get(f"/sessions/?before={moment}~{SOME}").status_code < 500


def test_no_text_in_a_form_makes_the_server_fail(api: Caller, session: str) -> None:
    assert api.client.post(f"/sessions/{session}/", {"content": "a\x00b"}).status_code < 500


@pytest.mark.parametrize("case", VALUES)
def test_no_conversation_in_a_page_makes_the_server_fail(api: Caller, session: str, case: str) -> None:
    path = f"/sessions/{session}/?conversation={VALUES[case]}"
    assert api.client.get(path).status_code == (404 if VALUES[case] else 200)
    for content in ("", "x"):
        assert api.client.post(path, {"content": content}).status_code < 500


def test_no_field_of_the_form_of_a_new_session_makes_the_server_fail(api: Caller) -> None:
    before = recorded()
    for field in ("title", "provider", "model", "system_prompt"):
        for value in ("a\x00b", "x" * 300 if field != "system_prompt" else "\x00"):
            body = {"provider": "echo", "model": "echo"} | {field: value}
            assert api.client.post("/sessions/", body).status_code == 422
    assert recorded() == before
