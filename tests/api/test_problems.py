"""Every refusal is an RFC 9457 problem document with a stable code, whatever went wrong and wherever."""

import re
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import URLResolver, get_resolver

from sessions_app import queries
from sessions_app.api.description.catalogue import CATALOGUE
from tests.api.caller import ROOT, Caller, any_problem, problem

SOME = "0198f2c4-aaaa-7000-8000-00000000000a"


def test_an_unknown_address_is_a_problem_for_anybody(api: Caller, stranger_api: Caller) -> None:
    for caller in (api, stranger_api):
        for path in ("", "nothing/", "sessions", "sessions//", f"sessions/{uuid4()}", f"sessions/{uuid4()}/nothing/"):
            document = problem(caller.get(path), 404, "not-found")
            assert document["instance"] == ROOT + path
            problem(caller.post(path, {}), 404, "not-found")


@pytest.mark.parametrize(
    "ident", ["1", "none", "%00", "..", "%ff", "0" * 32, SOME.upper(), f"{SOME}x", "x" * 3000, "{id}", "a b"]
)
def test_a_malformed_id_names_nothing(api: Caller, session: str, ident: str) -> None:
    paths = [f"sessions/{ident}/", f"sessions/{ident}/messages/", f"sessions/{session}/messages/{ident}/"]
    for path in [*paths, f"runs/{ident}/", f"commands/{ident}/", f"sessions/{ident}/events/"]:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            problem(api.call(method, path, {}, if_match="*"), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "sessions/", "GET, POST, HEAD, OPTIONS"),
        ("PUT", "commands/", "POST, OPTIONS"),
        ("GET", "commands/", "POST, OPTIONS"),
        ("POST", "sessions/{}/", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("POST", "sessions/{}/events/", "GET, HEAD, OPTIONS"),
        ("DELETE", "sessions/{}/messages/", "GET, POST, HEAD, OPTIONS"),
        ("TRACE", "sessions/{}/state/", "GET, HEAD, OPTIONS"),
        ("NONSENSE", "sessions/{}/metrics/", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_is_not_offered_is_refused(
    api: Caller, session: str, method: str, path: str, allowed: str
) -> None:
    answer = api.call(method, path.format(session), {})
    problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == allowed


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x"],
)
def test_only_json_is_taken(api: Caller, content_type: str) -> None:
    answer = api.call("POST", "sessions/", b'{"title": "t"}', content_type=content_type)
    problem(answer, 415, "unsupported-media-type")


def test_a_character_set_beside_json_is_ignored(api: Caller) -> None:
    body = '{"title": "\u2603"}'.encode()
    for content_type in ("application/json; charset=utf-8", "application/json; charset=nonsense", "APPLICATION/JSON"):
        answer = api.call("POST", "sessions/", body, content_type=content_type)
        assert (answer.status_code, answer.json()["title"]) == (201, "\u2603")


def test_only_json_is_given(api: Caller, session: str) -> None:
    for accept in ("text/html", "application/xml", "image/*", "nonsense"):
        problem(api.get(f"sessions/{session}/", accept=accept), 406, "not-acceptable")
    for accept in ("*/*", "application/json", "text/html, application/*;q=0.1"):
        assert api.get(f"sessions/{session}/", accept=accept).status_code == 200
    problem(api.get("sessions/?format=html"), 404, "not-found")


def test_a_stranger_is_asked_to_log_in(stranger_api: Caller) -> None:
    answer = stranger_api.get("sessions/")
    problem(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_write_from_another_site_is_refused(api: Caller) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies = api.client.cookies
    problem(client.post("/api/v1/sessions/", "{}", content_type="application/json"), 403, "forbidden")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", "&".join(["a"] * 1001)),
        ("application/x-www-form-urlencoded; charset=latin-1", "a=b"),
        ("application/x-www-form-urlencoded", "a=" + "x" * 1_048_600),
        ("multipart/form-data; boundary=", "x"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", "--x\r\nbroken"),
    ],
)
def test_a_form_from_another_site_is_refused_however_broken(api: Caller, content_type: str, body: str) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies = api.client.cookies
    client.cookies["csrftoken"] = "x" * 32
    answer = client.post("/api/v1/sessions/", body, content_type=content_type)
    assert answer.status_code in (400, 403, 413, 415)
    any_problem(answer)


def test_more_query_parameters_than_django_takes_are_malformed(api: Caller) -> None:
    problem(api.get("sessions/?" + "&".join(["a"] * 1001)), 400, "malformed")


def test_a_request_id_is_kept_where_it_is_well_formed(api: Caller) -> None:
    answer = api.get("nothing/", x_request_id="Trace-1.2_3")
    assert problem(answer, 404, "not-found")["request_id"] == "Trace-1.2_3" == answer["X-Request-ID"]
    for given in ("", "a b", "x" * 65, "\u00e9", "<script>", "a\x00b"):
        answer = api.get("nothing/", x_request_id=given)
        assert re.fullmatch(r"[0-9a-f-]{36}", answer["X-Request-ID"])
        assert problem(answer, 404, "not-found")["request_id"] == answer["X-Request-ID"]


def test_a_database_that_is_away_is_said_to_be_and_when_to_come_back(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the server is on fire at 10.0.0.1")

    monkeypatch.setattr(queries, "session_of", away)
    answer = api.get(f"sessions/{uuid4()}/")
    assert answer["Retry-After"] == "1"
    assert "10.0.0.1" not in problem(answer, 503, "unavailable")["detail"]


def test_our_own_failure_is_logged_and_not_shown(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(queries, "session_of", broken)
    answer = api.get(f"sessions/{uuid4()}/")
    problem(answer, 500, "internal-error")
    assert b"secret" not in answer.content
    assert "a secret" in caplog.text


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    from bus.exceptions import BusError

    def below(kind: type[BusError]) -> set[type[BusError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    internal = {"lease-lost", "cancelled", "too-slow", "scope-ended"}
    ours = [kind for kind in below(BusError) if kind.__module__.split(".")[0] in ("bus", "sessions_app")]
    raised = {(kind.code, kind.status) for kind in ours if kind.code not in internal}
    assert raised <= {(code, kind.status) for code, kind in CATALOGUE.items()}


def test_every_address_of_the_api_ends_with_a_slash_unless_it_is_a_files() -> None:
    (api,) = (
        item for item in get_resolver().url_patterns if isinstance(item, URLResolver) and "api/v1" in str(item.pattern)
    )
    paths = [str(item.pattern) for item in api.url_patterns]
    assert [path for path in paths if path and not path.endswith("/")] == ["asyncapi.json"]
