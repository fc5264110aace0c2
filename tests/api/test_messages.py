"""`sessions/{id}/messages/` and `…/messages/{id}/`: add, list, get, change; versions and idempotency."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from bus.database import closing
from bus.messages import uuid7
from sessions_app.models import Message, Session
from tests.api.caller import Caller, problem, recorded
from tests.story import assert_replay_rebuilds_the_same_rows

PARTS: list[dict[str, Any]] = [
    {"type": "text", "text": "look: \u2603 \U0001f600 \r\n\t"},
    {"type": "image", "url": "https://example.org/a.png", "detail": "high", "alt_text": "a"},
    {"type": "tool_call", "tool_call_id": "c1", "name": "search", "args": {"q": {"deep": [1, 2.5, None, True]}}},
    {"type": "tool_result", "tool_call_id": "c1", "content": "found"},
]


def test_a_message_with_every_kind_of_part_is_kept_as_it_was_given(api: Caller, session: str) -> None:
    calls = [{"tool_call_id": "c2", "name": "f", "args": {}}]
    answer = api.post(
        f"sessions/{session}/messages/",
        {"content": PARTS, "role": "assistant", "tool_calls": calls, "metadata": {"m": {"n": 1}}},
    )
    shown = answer.json()
    assert answer.status_code == 201
    assert answer["ETag"] == '"v2"'
    assert answer["Location"] == f"http://testserver/api/v1/sessions/{session}/messages/{shown['id']}/"
    assert shown["content"] == PARTS
    assert (shown["role"], shown["position"], shown["version"]) == ("assistant", 2, 2)
    stored = api.get(f"sessions/{session}/messages/{shown['id']}/").json()
    assert stored["content"] == PARTS
    assert (stored["metadata"], stored["conversation_id"]) == ({"m": {"n": 1}}, session)
    assert stored["tool_calls"] == [{"type": "tool_call", **calls[0]}]
    assert_replay_rebuilds_the_same_rows()


def test_what_post_answers_is_what_get_shows(api: Caller, session: str) -> None:
    said = api.say(session, "hi", metadata={"a": 1}, role="tool", tool_call_id="c")
    shown = api.get(f"sessions/{session}/messages/{said['id']}/").json()
    assert {name: said.get(name) for name in shown} == shown


@pytest.mark.parametrize("role", ["system", "user", "assistant", "tool", "function", "summary"])
def test_every_role_may_speak(api: Caller, session: str, role: str) -> None:
    assert api.say(session, "x", role=role)["role"] == role


def test_a_string_is_one_text_part(api: Caller, session: str) -> None:
    assert api.say(session, "hello")["content"] == [{"type": "text", "text": "hello"}]


def test_messages_are_listed_in_pages_in_either_order(api: Caller, session: str) -> None:
    said = [api.say(session, f"m{number}")["id"] for number in range(5)]
    for order, expected in (("asc", said), ("desc", said[::-1])):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = api.get(f"sessions/{session}/messages/?limit=2&order={order}&cursor={cursor}").json()
            seen += [message["id"] for message in page["data"]]
            cursor = page["next_cursor"]
        assert seen == expected
    problem(api.get(f"sessions/{session}/messages/?order=up"), 422, "validation-failed")


def test_the_list_shows_the_conversation_asked_for(api: Caller, session: str) -> None:
    api.say(session)
    assert len(api.get(f"sessions/{session}/messages/?conversation={session}").json()["data"]) == 1
    problem(api.get(f"sessions/{session}/messages/?conversation={uuid4()}"), 404, "not-found")
    problem(api.get(f"sessions/{session}/messages/?conversation=main"), 422, "validation-failed")
    other = api.session()
    problem(api.get(f"sessions/{session}/messages/?conversation={other}"), 404, "not-found")
    refused = api.post(f"sessions/{session}/messages/", {"content": "x", "conversation_id": other})
    problem(refused, 404, "not-found")


def test_a_changed_message_has_new_content_and_merged_metadata(api: Caller, session: str) -> None:
    said = api.say(session, "before", metadata={"a": {"b": 1, "c": 2}, "d": 3})
    path = f"sessions/{session}/messages/{said['id']}/"
    patch = {"content": PARTS, "metadata": {"a": {"b": None}, "d": None, "e": {"f": None}}}
    answer = api.patch(path, patch, if_match='"v2"')
    shown = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"v3"')
    assert (shown["content"], shown["metadata"]) == (PARTS, {"a": {"c": 2}, "e": {}})
    assert shown["position"] == 2
    problem(api.patch(path, patch), 428, "precondition-required")
    assert problem(api.patch(path, patch, if_match='"v2"'), 412, "precondition-failed")["current_version"] == 3
    assert api.patch(path, {}, if_match="*")["ETag"] == '"v3"'
    assert_replay_rebuilds_the_same_rows()


def test_a_message_is_found_in_its_own_session_only(api: Caller, session: str) -> None:
    said = api.say(session)["id"]
    other = api.session()
    for method in ("GET", "PATCH"):
        problem(api.call(method, f"sessions/{other}/messages/{said}/", {}, if_match="*"), 404, "not-found")
        problem(api.call(method, f"sessions/{session}/messages/{uuid4()}/", {}, if_match="*"), 404, "not-found")


def test_an_answer_can_be_asked_for_with_the_message(api: Caller, session: str) -> None:
    said = api.say(session, "hello", answer=True)
    run = api.get(f"runs/{said['answer_run_id']}/").json()
    assert (run["state"], run["session_id"], run["provider"]) == ("queued", session, "echo")
    assert said["version"] == 3


def test_an_id_that_is_taken_is_refused_also_for_another_session(api: Caller, bob_api: Caller, session: str) -> None:
    wanted = str(uuid7())
    assert api.say(session, message_id=wanted)["id"] == wanted
    before = recorded()
    for caller, target in ((api, session), (api, api.session()), (bob_api, bob_api.session())):
        refused = caller.post(f"sessions/{target}/messages/", {"content": "x", "message_id": wanted})
        problem(refused, 409, "already-exists")
    assert recorded() == before + 2
    assert Message.objects.get(id=wanted).session_id == Session.objects.get(id=session).id


def test_a_wrong_expected_version_writes_nothing(api: Caller, session: str) -> None:
    before = recorded()
    refused = api.post(f"sessions/{session}/messages/", {"content": "x", "expected_version": 7})
    assert problem(refused, 409, "version-conflict")["current_version"] == 1
    assert recorded() == before
    assert api.say(session, expected_version=1)["version"] == 2


def together(count: int, call: Callable[[int], Any]) -> list[Any]:
    """What `count` threads got from calling at the same moment."""
    start = Barrier(count)

    def one(number: int) -> Any:
        start.wait(10)
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(closing(one), range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_two_that_expect_the_same_version_one_is_told_of_the_conflict(api: Caller, session: str) -> None:
    body = {"content": "mine", "expected_version": 1}
    answers = together(2, lambda _: api.post(f"sessions/{session}/messages/", body))
    won, lost = sorted(answers, key=lambda answer: int(answer.status_code))
    assert (won.status_code, won.json()["version"]) == (201, 2)
    assert problem(lost, 409, "version-conflict")["current_version"] == 2
    assert Message.objects.count() == 1
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_moment_adds_one_message(api: Caller, session: str) -> None:
    path = f"sessions/{session}/messages/"
    answers = together(4, lambda _: api.post(path, {"content": "once"}, idempotency_key="key"))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Message.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_id_at_the_same_moment_is_taken_once(api: Caller, session: str) -> None:
    body = {"content": "x", "message_id": str(uuid7())}
    answers = together(3, lambda _: api.post(f"sessions/{session}/messages/", body))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert_replay_rebuilds_the_same_rows()


def test_a_repeated_key_gives_the_first_answer_and_another_body_is_refused(
    api: Caller, bob_api: Caller, session: str
) -> None:
    path = f"sessions/{session}/messages/"
    first = api.post(path, {"content": "once", "answer": True}, idempotency_key="key")
    again = api.post(path, {"content": "once", "answer": True}, idempotency_key="key")
    assert again.status_code == 201
    for member in ("id", "version", "answer_run_id", "position", "content"):
        assert again.json()[member] == first.json()[member]
    assert again["ETag"] == first["ETag"]
    assert again["Location"] == first["Location"]
    problem(api.post(path, {"content": "other"}, idempotency_key="key"), 422, "idempotency-mismatch")
    assert Message.objects.count() == 1
    assert (
        bob_api.post(f"sessions/{bob_api.session()}/messages/", {"content": "b"}, idempotency_key="key").status_code
        == 201
    )
