"""`sessions/` and `sessions/{id}/`: create, list, get, ensure, change, delete."""

from typing import Any
from uuid import uuid4

import pytest

from bus.messages import uuid7
from sessions_app.models import Session
from tests.api.caller import Caller, problem, recorded
from tests.story import assert_replay_rebuilds_the_same_rows

CONFIG = {
    "provider": "echo",
    "model": "echo",
    "temperature": 0.5,
    "tools": ["search"],
    "provider_options": {"delay": 0.1, "nested": {"a": 1, "b": 2}},
}


def test_a_session_is_created_and_shown(api: Caller) -> None:
    answer = api.post("sessions/", {"title": "First", "config": CONFIG, "metadata": {"a": [1]}})
    shown = answer.json()
    assert answer.status_code == 201
    assert answer["Location"] == f"http://testserver/api/v1/sessions/{shown['id']}/"
    assert answer["ETag"] == '"v1"'
    assert (shown["title"], shown["config"], shown["metadata"]) == ("First", CONFIG, {"a": [1]})
    assert (shown["provider"], shown["model"], shown["version"], shown["message_count"]) == ("echo", "echo", 1, 0)
    assert shown["is_active"] is True
    assert shown["metrics"]["total_tokens"] == 0
    assert shown["created_at"].endswith("Z")
    again = api.get(f"sessions/{shown['id']}/")
    assert (again.json(), again["ETag"]) == (shown, '"v1"')
    assert "messages" not in shown
    assert_replay_rebuilds_the_same_rows()


def test_an_empty_body_makes_a_session_with_defaults(api: Caller) -> None:
    shown = api.post("sessions/").json()
    assert (shown["title"], shown["provider"], shown["metadata"]) == ("", "echo", {})


def test_a_system_prompt_becomes_the_first_message(api: Caller) -> None:
    session = api.session(config={"provider": "echo", "model": "echo", "system_prompt": "Be kind."})
    (message,) = api.get(f"sessions/{session}/messages/").json()["data"]
    assert (message["role"], message["content"]) == ("system", [{"type": "text", "text": "Be kind."}])
    assert api.get(f"sessions/{session}/").json()["message_count"] == 1
    assert_replay_rebuilds_the_same_rows()


def test_the_client_may_choose_the_id_but_not_one_that_is_taken(api: Caller, bob_api: Caller) -> None:
    wanted = str(uuid7())
    assert api.session(id=wanted) == wanted
    before = recorded()
    for caller in (api, bob_api):
        problem(caller.post("sessions/", {"id": wanted}), 409, "already-exists")
    assert recorded() == before


def test_a_repeated_creation_with_the_same_key_makes_one_session(api: Caller) -> None:
    first, second = (api.post("sessions/", {"title": "once"}, idempotency_key="k1") for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert Session.objects.count() == 1
    problem(api.post("sessions/", {"title": "other"}, idempotency_key="k1"), 422, "idempotency-mismatch")


def test_put_ensures_a_session_and_does_not_change_one_that_is_there(api: Caller) -> None:
    wanted = str(uuid7())
    first = api.put(f"sessions/{wanted}/", {"title": "mine"})
    second = api.put(f"sessions/{wanted}/", {"title": "changed?"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert first["Location"] == f"http://testserver/api/v1/sessions/{wanted}/"
    assert first.json() == second.json()
    assert (second.json()["title"], second["ETag"]) == ("mine", '"v1"')
    assert_replay_rebuilds_the_same_rows()


def test_patch_merges_metadata_and_configuration_deeply_and_null_removes(api: Caller) -> None:
    session = api.session(config=CONFIG, metadata={"keep": 1, "deep": {"a": 1, "b": 2}, "gone": True})
    patch: dict[str, Any] = {
        "title": "New",
        "is_active": False,
        "metadata": {"deep": {"b": None, "c": {"d": None, "e": 3}}, "gone": None},
        "config": {"temperature": None, "model": "echo-2", "provider_options": {"nested": {"a": None}}},
    }
    answer = api.patch(f"sessions/{session}/", patch, if_match='"v1"')
    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["title"], shown["is_active"], shown["model"]) == ("New", False, "echo-2")
    assert shown["metadata"] == {"keep": 1, "deep": {"a": 1, "c": {"e": 3}}}
    assert shown["config"] == {
        "provider": "echo",
        "model": "echo-2",
        "tools": ["search"],
        "provider_options": {"delay": 0.1, "nested": {"b": 2}},
    }
    assert answer["ETag"] == f'"v{shown["version"]}"' == '"v3"'
    assert_replay_rebuilds_the_same_rows()


def test_a_patch_without_changes_records_nothing(api: Caller, session: str) -> None:
    before = recorded()
    answer = api.patch(f"sessions/{session}/", {}, if_match='"v1"')
    assert (answer.status_code, answer["ETag"], recorded()) == (200, '"v1"', before)


@pytest.mark.parametrize("field", ["provider", "model"])
def test_what_a_configuration_needs_cannot_be_removed(api: Caller, session: str, field: str) -> None:
    refused = api.patch(f"sessions/{session}/", {"config": {field: None}}, if_match="*")
    document = problem(refused, 422, "validation-failed")
    assert document["errors"][0]["pointer"] == f"/config/{field}"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_change_must_name_the_version_it_changes(api: Caller, session: str, method: str) -> None:
    path = f"sessions/{session}/"
    before = recorded()
    problem(api.call(method, path, {}), 428, "precondition-required")
    api.say(session)
    for stale in ('"v1"', 'W/"v1"', '"v3"', "v2", "2", '"v2", "v1"', '"' + "9" * 400 + '"', ""):
        document = problem(api.call(method, path, {}, if_match=stale), 412, "precondition-failed")
        assert document["current_version"] == 2
    assert recorded() == before + 1
    assert api.call(method, path, {}, if_match='"v2"').status_code in (200, 204)


@pytest.mark.parametrize("given", ["*", ' "v1" ', 'W/"v1"'])
def test_the_present_version_matches_in_every_spelling(api: Caller, session: str, given: str) -> None:
    assert api.patch(f"sessions/{session}/", {"title": "x"}, if_match=given).status_code == 200


def test_a_deleted_session_is_gone_from_every_address(api: Caller, session: str) -> None:
    message = api.say(session)["id"]
    answer = api.delete(f"sessions/{session}/", if_match="*")
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "messages/", f"messages/{message}/", "metrics/", "events/", "state/"):
        problem(api.get(f"sessions/{session}/{path}"), 404, "not-found")
    problem(api.delete(f"sessions/{session}/", if_match="*"), 404, "not-found")
    problem(api.put(f"sessions/{session}/"), 409, "already-exists")
    assert api.get("sessions/").json()["data"] == []
    assert_replay_rebuilds_the_same_rows()


def test_an_unknown_session_is_not_found_whatever_is_tried(api: Caller) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        problem(api.call(method, f"sessions/{uuid4()}/", {}, if_match="*"), 404, "not-found")
