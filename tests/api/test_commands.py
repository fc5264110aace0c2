"""`commands/` and `commands/{id}/`: public commands by name, now or by a worker."""

from typing import Any
from uuid import uuid4

import pytest

from bus.models import Work
from bus.registry import default
from bus.work import runner
from tests.api.caller import Caller, problem, recorded

HIDDEN = sorted(name for name, kind in default.commands.items() if not kind.public or kind.staff_only)


def payload(session: str, **fields: Any) -> dict[str, Any]:
    return {"name": "add-message", "payload": {"session_id": session, "content": "hello", **fields}}


def test_a_command_is_run_by_its_name(api: Caller, session: str) -> None:
    answer = api.post("commands/", payload(session) | {"expected_version": 1})
    shown = answer.json()
    assert answer.status_code == 200
    assert shown.keys() == {"command_id", "version", "data"}
    assert shown["version"] == 2
    (message,) = api.get(f"sessions/{session}/messages/").json()["data"]
    assert message["id"] == shown["data"]["id"]


def test_a_refused_command_says_where_it_is_wrong(api: Caller, session: str) -> None:
    document = problem(api.post("commands/", payload(session, role="king")), 422, "validation-failed")
    assert document["errors"][0]["pointer"] == "/role"
    problem(api.post("commands/", payload(session) | {"expected_version": 5}), 409, "version-conflict")


@pytest.mark.parametrize("name", [*HIDDEN, "no-such-command", "", "AddMessage", "x" * 5000, "add-message\n"])
@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_what_is_not_offered_is_unknown(api: Caller, session: str, name: str, prefer: str) -> None:
    for given in ({}, {"session_id": session}, {"nonsense": 1}):
        refused = api.post("commands/", {"name": name, "payload": given}, prefer=prefer)
        document = problem(refused, 422, "unknown-command")
        assert document["detail"] == f"There is no command {name[:60]!r}."
        assert "errors" not in document
    assert Work.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"name": 1},
        {"name": ["add-message"]},
        {"name": "list-sessions", "payload": None},
        {"name": "list-sessions", "payload": []},
        {"name": "list-sessions", "actor": "system"},
        {"name": "list-sessions", "command_id": "0198f2c4-aaaa-7000-8000-00000000000a"},
        {"name": "list-sessions", "expected_version": "1"},
        {"name": "list-sessions", "expected_version": True},
        {"name": "list-sessions", "expected_version": -1},
    ],
)
def test_the_body_has_a_name_and_a_payload_and_nothing_more(api: Caller, body: object) -> None:
    problem(api.post("commands/", body), 422, "validation-failed")


def test_a_command_can_be_left_to_a_worker(api: Caller, bob_api: Caller, session: str) -> None:
    before = recorded()
    answer = api.post("commands/", payload(session), prefer="respond-async")
    queued = answer.json()
    path = f"/api/v1/commands/{queued['command_id']}/"
    assert (answer.status_code, queued["state"]) == (202, "queued")
    assert answer["Location"] == f"http://testserver{path}"
    shown = api.get(path).json()
    assert (shown["name"], shown["state"], shown["attempts"], shown["result"]) == ("add-message", "queued", 0, None)
    assert recorded() == before
    problem(bob_api.get(path), 404, "not-found")


@pytest.mark.django_db(transaction=True)
def test_the_state_of_a_command_is_what_the_worker_made_of_it(api: Caller, session: str) -> None:
    done = api.post("commands/", payload(session), prefer="wait=1, respond-async").json()["command_id"]
    late = api.post("commands/", payload(session) | {"expected_version": 1}, prefer="respond-async")
    for work in (done, late.json()["command_id"]):
        runner.run(work)
    shown = api.get(f"commands/{done}/").json()
    assert (shown["state"], shown["result"]["version"], shown["error"]) == ("done", 2, None)
    assert shown["finished_at"] is not None
    failed = api.get(f"commands/{late.json()['command_id']}/").json()
    assert (failed["state"], failed["error"]["code"]) == ("failed", "version-conflict")


def test_a_repeated_key_queues_once(api: Caller, session: str) -> None:
    first, again = (
        api.post("commands/", payload(session), prefer="respond-async", idempotency_key="k").json() for _ in range(2)
    )
    assert first["command_id"] == again["command_id"]
    assert Work.objects.count() == 1


@pytest.mark.parametrize("path", ["sessions/{}/messages/", "commands/"])
def test_a_key_used_for_queued_work_is_not_answered_as_if_it_were_done(api: Caller, session: str, path: str) -> None:
    api.post("commands/", payload(session), prefer="respond-async", idempotency_key="k")
    body = payload(session) if path == "commands/" else {"content": "hello"}
    problem(api.post(path.format(session), body, idempotency_key="k"), 409, "idempotency-in-progress")


def test_work_for_a_session_of_somebody_else_is_refused_at_once(bob_api: Caller, session: str) -> None:
    for target in (session, str(uuid4())):
        problem(bob_api.post("commands/", payload(target), prefer="respond-async"), 404, "not-found")
    assert Work.objects.count() == 0


def test_an_unknown_command_id_is_not_found(api: Caller) -> None:
    problem(api.get(f"commands/{uuid4()}/"), 404, "not-found")


def test_a_run_is_no_command(api: Caller, session: str) -> None:
    run = api.say(session, answer=True)["answer_run_id"]
    problem(api.get(f"commands/{run}/"), 404, "not-found")
