"""Artifacts over REST: JSON, forms and plain bodies in, and lists of what there is."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from sessions_app.models import Artifact, Blob
from tests.api.caller import ROOT, Caller, problem, recorded
from tests.api.uploading import content, form, plain
from tests.pictures import GIF, HTML, PNG, SVG
from tests.story import assert_replay_rebuilds_the_same_rows

NOTHING = "0198f2c4-aaaa-7000-8000-00000000000a"


@pytest.fixture
def text(api: Caller, session: str) -> str:
    """The address of ten bytes of text."""
    answer = plain(api, session)
    assert answer.status_code == 201, answer.content
    return f"artifacts/{answer.json()['id']}/content/"


# -- in ----------------------------------------------------------------------------------------------------------------


def test_json_is_kept_by_a_command(api: Caller, session: str) -> None:
    body = {"name": "plan.json", "data": {"steps": [1, "☃"]}, "metadata": {"by": "me"}}
    answer = api.post(f"sessions/{session}/artifacts/", body)
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["name"], shown["version"], shown["content_type"]) == ("plan.json", 1, "application/json")
    assert (shown["session_id"], shown["metadata"]) == (session, {"by": "me"})
    assert (answer["ETag"], answer["Location"]) == ('"v2"', f"http://testserver/api/v1/artifacts/{shown['id']}/")
    assert api.get(f"artifacts/{shown['id']}/").json() == shown
    kept = content(api.get(f"artifacts/{shown['id']}/content/"))
    assert json.loads(kept) == body["data"]
    assert shown["size"] == len(kept)
    assert_replay_rebuilds_the_same_rows()


def test_a_file_comes_as_a_form_or_as_it_is(api: Caller, session: str) -> None:
    first = form(api, session, PNG, "image/png", "a.png", metadata='{"a": 1}').json()
    second = plain(api, session, PNG, "image/png", "name=a.png&metadata=%7B%22a%22:1%7D").json()
    third = form(api, session, b'{"a": 1}', "application/json", "x", name="b.json").json()
    fourth = plain(api, session, b'{"a": 1}', "application/json", "name=b.json").json()
    assert [(row["name"], row["version"]) for row in (first, second, third, fourth)] == [
        *(("a.png", 1), ("a.png", 2), ("b.json", 1), ("b.json", 2))
    ]
    assert first["sha256"] == second["sha256"]
    assert first["metadata"] == second["metadata"] == {"a": 1}
    for shown in (first, second):
        assert content(api.get(f"artifacts/{shown['id']}/content/")) == PNG
    assert_replay_rebuilds_the_same_rows()


def test_a_large_file_goes_through_the_disk(api: Caller, session: str) -> None:
    large = b"line\n" * 500_000
    for shown in (form(api, session, large).json(), plain(api, session, large).json()):
        assert shown["size"] == len(large)
        assert content(api.get(f"artifacts/{shown['id']}/content/")) == large


@pytest.mark.parametrize("way", [form, plain])
@pytest.mark.parametrize(
    ("kind", "lie"), [("image/png", HTML), ("image/png", SVG), ("image/gif", GIF + HTML), ("text/plain", PNG)]
)
def test_content_that_is_not_what_it_is_said_to_be_is_refused(
    api: Caller, session: str, way: Any, kind: str, lie: bytes
) -> None:
    before = recorded()
    problem(way(api, session, lie, kind), 422, "content-mismatch")
    assert (recorded(), Blob.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "a/b", "a%5Cb", "..", ".htaccess", "a%00b", "a%0Ab", "%E2%80%AEtxt.exe", "", "x" * 201]
)
def test_a_name_that_is_a_path_is_refused(api: Caller, session: str, name: str) -> None:
    answer = plain(api, session, query=f"name={name}")
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("validation-failed", "malformed")
    assert not Artifact.objects.exists()


def test_a_file_over_the_limit_is_too_large(api: Caller, session: str) -> None:
    with override_settings(ARTIFACT_MAX_BYTES=2000):
        for way in (form, plain):
            problem(way(api, session, b"x" * 2001), 413, "too-large")
            assert way(api, session, b"x" * 2000).status_code == 201
        problem(api.post(f"sessions/{session}/artifacts/", {"name": "x", "data": "x" * 2000}), 413, "too-large")


def test_a_full_session_refuses_more(api: Caller, session: str) -> None:
    with override_settings(ARTIFACT_SESSION_BYTES=15):
        assert plain(api, session).status_code == 201
        problem(plain(api, session, b"abcdef"), 409, "quota-exhausted")
        assert Blob.objects.count() == 1, "what is refused is not stored first"


FORMS: dict[str, dict[str, Any]] = {
    "no file": {},
    "a text for a file": {"file": "text"},
    "two files": {"file": [SimpleUploadedFile("a", b"a"), SimpleUploadedFile("b", b"b")]},
    "a file for a text": {"file": SimpleUploadedFile("a", b"a"), "name": SimpleUploadedFile("b", b"b")},
    "an unknown field": {"file": SimpleUploadedFile("a", b"a"), "owner": "1"},
    "metadata that are no object": {"file": SimpleUploadedFile("a", b"a"), "metadata": "[]"},
    "metadata that are no JSON": {"file": SimpleUploadedFile("a", b"a"), "metadata": "{"},
    "no id": {"file": SimpleUploadedFile("a", b"a"), "artifact_id": "x"},
    "a NUL": {"file": SimpleUploadedFile("a", b"a"), "name": "a\x00b"},
    "too many files": {f"file{n}": SimpleUploadedFile("a", b"a") for n in range(9)},
    "a wrong type": {"file": SimpleUploadedFile("a", b"a", "nonsense")},
}


@pytest.mark.parametrize("case", FORMS)
def test_a_form_that_is_not_right_is_refused(api: Caller, session: str, case: str) -> None:
    answer = api.client.post(f"{ROOT}sessions/{session}/artifacts/", FORMS[case])
    assert 400 <= answer.status_code < 500, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not Artifact.objects.exists()


def test_a_form_that_is_no_form_is_malformed(api: Caller, session: str) -> None:
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=é"):
        for path in (f"sessions/{session}/artifacts/", f"sessions/{session}/artifacts/?name=x"):
            answer = api.post(path, b"nonsense", content_type=kind)
            assert 400 <= answer.status_code < 500, (kind, answer.content)


def test_a_broken_form_is_refused_where_the_login_is_looked_at_too(api: Caller, session: str) -> None:
    """With the CSRF check, which the test client leaves out, Django reads a form before any view does."""
    api.client.handler.enforce_csrf_checks = True
    for path in (f"sessions/{session}/artifacts/", "sessions/"):
        answer = api.post(path, b"nonsense", content_type="multipart/form-data")
        assert answer.status_code in (400, 403)


@pytest.mark.parametrize(
    "query", ["name=a&name=b", "name=a&owner=1", "name=a&metadata=1", "name=a&metadata=%7B", "name=a&artifact_id=x"]
)
def test_an_address_that_says_too_much_is_refused(api: Caller, session: str, query: str) -> None:
    answer = plain(api, session, query=query)
    assert answer.status_code in (400, 422)
    assert not Artifact.objects.exists()


@pytest.mark.parametrize("way", [form, plain])
def test_a_repeated_key_stores_once_and_another_file_under_it_is_refused(api: Caller, session: str, way: Any) -> None:
    first, second = (way(api, session, idempotency_key="k") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    problem(way(api, session, b"other", idempotency_key="k"), 422, "idempotency-mismatch")
    assert Artifact.objects.count() == 1


def test_an_upload_to_somebody_elses_session_is_not_found_like_one_to_nothing(bob_api: Caller, session: str) -> None:
    for way in (form, plain):
        theirs, nothing = (way(bob_api, ident).json() for ident in (session, NOTHING))
        assert theirs["code"] == "not-found"
        assert theirs["detail"].replace(session, "*") == nothing["detail"].replace(NOTHING, "*")
    assert not Blob.objects.exists()


def test_nothing_tells_that_others_have_the_same_bytes(api: Caller, bob_api: Caller, session: str) -> None:
    first = plain(api, session)
    second = plain(bob_api, bob_api.session())
    assert first.status_code == second.status_code == 201
    assert first.json().keys() == second.json().keys()
    assert first.json()["version"] == second.json()["version"] == 1


# -- lists -------------------------------------------------------------------------------------------------------------


def test_the_list_is_paged_newest_first_and_shows_the_versions_of_a_name(api: Caller, session: str) -> None:
    for name in ("a", "b", "a"):
        api.post(f"sessions/{session}/artifacts/", {"name": name, "data": 1})
    page = api.get(f"sessions/{session}/artifacts/?limit=2").json()
    assert [(row["name"], row["version"]) for row in page["data"]] == [("a", 2), ("b", 1)]
    rest = api.get(f"sessions/{session}/artifacts/?limit=2&cursor={page['next_cursor']}").json()
    assert [(row["name"], row["version"]) for row in rest["data"]] == [("a", 1)]
    versions = api.get(f"sessions/{session}/artifacts/?name=a").json()["data"]
    assert [row["version"] for row in versions] == [2, 1]
    assert api.get(f"sessions/{session}/artifacts/?name=nothing").json()["data"] == []
    for query in ("cursor=x", "limit=0", "name=%00"):
        problem(api.get(f"sessions/{session}/artifacts/?{query}"), 422, "validation-failed")


def test_what_is_deleted_is_gone(api: Caller, session: str, text: str) -> None:
    address = text.removesuffix("content/")
    assert api.delete(address).status_code == 204
    for answer in (api.get(address), api.get(text), api.delete(address)):
        problem(answer, 404, "not-found")
    assert api.get(f"sessions/{session}/artifacts/").json()["data"] == []
    assert_replay_rebuilds_the_same_rows()


def test_a_deleted_session_takes_its_artifacts_along(api: Caller, session: str, text: str) -> None:
    api.delete(f"sessions/{session}/", if_match="*")
    problem(api.get(text), 404, "not-found")


def test_the_page_of_a_session_lists_its_artifacts(api: Caller, session: str) -> None:
    assert b"Artifacts" not in api.get(f"/sessions/{session}/").content
    assert api.post(f"sessions/{session}/artifacts/", {"name": "<b>plan.json", "data": 1}).status_code == 201
    shown = plain(api, session, query="name=a%26b.txt").json()
    page = api.get(f"/sessions/{session}/").content.decode()
    assert f'href="/api/v1/artifacts/{shown["id"]}/content/"' in page
    assert "a&amp;b.txt" in page
    assert "<b>plan" not in page
