"""No body yields anything but a refusal: 4xx with a problem document, and nothing is written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from bus.models import Stream, Work
from tests.api.bad_json import MALFORMED_VALUES, NO_OBJECT, NOT_JSON
from tests.api.bad_values import SOME, WRITES, WRONG_FIELDS, Write
from tests.api.caller import Caller, any_problem, problem, recorded
from tests.api.smuggling import offered
from tests.standing import ground

each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write.method} {write.path}")


class Victim:
    """Alice with a session and a message, and what must stay as it is."""

    def __init__(self, api: Caller) -> None:
        self.api = api
        self.session = api.session(title="before")
        self.message = api.say(self.session)["id"]
        self.run = api.say(self.session, answer=True)["answer_run_id"]
        self.graph = api.post(f"sessions/{self.session}/graphs/", {"prompt": "x"}).json()["id"]
        self.before = self.written()

    def written(self) -> tuple[int, int, int]:
        return recorded(), Stream.objects.count(), Work.objects.count()

    def send(self, write: Write, body: Any, **headers: str) -> Any:
        """The answer, which must not be one of success or of failure."""
        path = write.path.replace("{session}", self.session).replace("{message}", self.message)
        path = path.replace("{run}", self.run).replace("{graph}", self.graph)
        answer = self.api.call(write.method, path, body, **({"if_match": "*"} | headers))
        shown = body[:300] if isinstance(body, bytes) else body
        assert 400 <= answer.status_code < 500, (write.path, answer.status_code, answer.content[:500], shown)
        any_problem(answer)
        assert self.written() == self.before, (write.path, shown)
        return answer


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Victim]:
    """What Alice has in every test of this file."""
    with ground(django_db_blocker):
        yield Victim(Caller(get_user_model().objects.create_user("alice")))


@pytest.fixture
def victim(db: None, standing: Victim) -> Victim:
    return standing


@pytest.fixture
def alice(db: None, standing: Victim) -> User:
    return get_user_model().objects.get(username="alice")


@pytest.mark.parametrize("case", NOT_JSON)
def test_what_is_not_json_is_malformed(victim: Victim, case: str) -> None:
    for write in WRITES:
        answer = victim.send(write, NOT_JSON[case])
        assert (answer.status_code, answer.json()["code"]) in ((400, "malformed"), (413, "too-large"))


@pytest.mark.parametrize("case", NO_OBJECT)
def test_what_is_no_object_is_refused(victim: Victim, case: str) -> None:
    for write in WRITES:
        problem(victim.send(write, NO_OBJECT[case]), 422, "validation-failed")


@pytest.mark.parametrize("case", MALFORMED_VALUES)
def test_a_value_that_cannot_be_stored_is_malformed_wherever_it_stands(victim: Victim, case: str) -> None:
    value = MALFORMED_VALUES[case]
    for write in WRITES:
        given = write.free.replace(b"$", victim.session.encode())
        for body in (
            given.replace(b"@", value),
            given.replace(b"@", b"[1, " + value + b"]"),
            b'{"nothing": ' + value + b"}",
        ):
            problem(victim.send(write, body), 400, "malformed")


@each_write
def test_a_text_that_cannot_be_stored_is_malformed_in_every_field(victim: Victim, write: Write) -> None:
    for field in write.fields:
        for text in ("\\u0000", "a\\u0000", "\\ud800 and more"):
            body = json.dumps(write.body | {field: "@"}).replace("@", text).encode()
            problem(victim.send(write, body), 400, "malformed")


@each_write
def test_a_field_of_the_wrong_kind_is_refused(victim: Victim, write: Write) -> None:
    for field, values in WRONG_FIELDS[f"{write.method} {write.path}"].items():
        for value in values:
            answer = victim.send(write, write.body | {field: value})
            assert answer.json()["code"] in ("validation-failed", "unknown-command"), (field, value, answer.content)


@each_write
def test_no_field_can_be_set_but_those_that_are_offered(victim: Victim, write: Write) -> None:
    """S13: no mass assignment."""
    names = [name for name in offered(f"{write.method} {write.path}") if name not in write.fields]
    assert {"owner", "owner_id", "version", "position", "created_at", "fence", "message_count"} <= set(names)
    for name in names:
        problem(victim.send(write, write.body | {name: SOME}), 422, "validation-failed")


def test_no_field_can_be_set_through_a_command_but_its_own(victim: Victim) -> None:
    (write,) = (write for write in WRITES if write.path == "commands/")
    for name in offered("add-message"):
        if name not in ("role", "content", "metadata", "tool_call_id", "tool_calls", "conversation_id", "session_id"):
            payload = {"session_id": victim.session, "content": "x", name: 1}
            victim.send(write, {"name": "add-message", "payload": payload})


@each_write
def test_a_wrong_content_type_is_refused(victim: Victim, write: Write) -> None:
    for content_type in ("text/plain", "text/html", "application/xml", "application/x-www-form-urlencoded"):
        body = json.dumps(write.body).encode()
        problem(victim.send(write, body, content_type=content_type), 415, "unsupported-media-type")


@each_write
def test_a_bad_idempotency_key_is_refused(victim: Victim, write: Write) -> None:
    for key in ("", " ", "a b", "x" * 201, "\u00e9", "a\x00b", "a\tb", "\x7f"):
        problem(victim.send(write, write.body, idempotency_key=key), 422, "validation-failed")


def test_ids_of_nothing_in_a_body_are_not_found(victim: Victim) -> None:
    said = WRITES[3]
    problem(victim.send(said, {"content": "x", "conversation_id": SOME}), 404, "not-found")


def test_more_tool_arguments_than_can_be_taken_are_refused(victim: Victim) -> None:
    call = {"type": "tool_call", "tool_call_id": "c", "name": "n"}
    victim.send(WRITES[3], {"content": [{**call, "args": {"list": [0] * 50_000}}]})
    victim.send(WRITES[3], {"content": [{**call, "args": {"text": "x" * 1_048_576}}]})


def test_what_is_unusual_but_sound_is_taken(api: Caller, session: str) -> None:
    assert api.post("sessions/", b'{"title": "a", "title": "b"}').json()["title"] == "b"
    metadata = {"": {"": []}, "\u2603": "\U0001f600", "float": 1e22, "small": 5e-324, "edge": [2**63 - 1, -(2**63)]}
    said = api.say(session, [], metadata=metadata, tool_calls=[{"tool_call_id": "", "name": "", "args": {}}])
    path = f"sessions/{session}/messages/{said['id']}/"
    assert api.get(path).json()["metadata"] == metadata
    assert api.patch(path, {"metadata": {"more": 1}}, if_match="*").json()["metadata"] == {**metadata, "more": 1}
    assert api.get(f"sessions/{session}/events/").status_code == 200
    assert api.get(f"sessions/{session}/state/").status_code == 200
