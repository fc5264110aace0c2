"""`runs/{id}/`: one answer of a model."""

from uuid import UUID, uuid4

import pytest

from bus.messages import SYSTEM
from sessions_app import commands
from tests.api.caller import Caller, problem
from tests.runs import do
from tests.story import Story, assert_replay_rebuilds_the_same_rows

MEMBERS = {
    *(
        "client_tools",
        "requested_version",
        "id",
        "session_id",
        "conversation_id",
        "state",
        "provider",
        "model",
        "attempt",
        "message_id",
        "prompt_tokens",
    ),
    *(
        "completion_tokens",
        "finish_reason",
        "error",
        "error_code",
        "failures",
        "queued_at",
        "started_at",
        "finished_at",
    ),
    *("waits", "tools", "input", "on_interrupt", "retries", "continues", "decisions", "cancel_requested", "metadata"),
    "requested_version",
    *("first_token_seconds", "config", "timeout", "budget", "cost", "compacts"),
}


def test_a_queued_run_is_shown(api: Caller, session: str) -> None:
    said = api.say(session, answer=True)
    run = api.get(f"runs/{said['answer_run_id']}/").json()
    assert run.keys() == MEMBERS
    assert (run["state"], run["attempt"], run["message_id"], run["started_at"]) == ("queued", 0, None, None)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_a_worker_did_ends_with_its_message(api: Caller, session: str) -> None:
    said = api.say(session, "hello", answer=True)
    do(said["answer_run_id"])
    run = api.get(f"runs/{said['answer_run_id']}/").json()
    assert (run["state"], run["attempt"]) == ("completed", 1)
    message = api.get(f"sessions/{session}/messages/{run['message_id']}/").json()
    assert (message["role"], message["run_id"]) == ("assistant", said["answer_run_id"])
    assert message["content"] == [{"type": "text", "text": "[echo] hello"}]
    assert_replay_rebuilds_the_same_rows()


def test_a_failed_run_says_why(api: Caller, session: str) -> None:
    run = api.say(session, answer=True)["answer_run_id"]
    Story(session, SYSTEM).tell(commands.EndRun, run_id=UUID(run), outcome="failed", error="no model")
    shown = api.get(f"runs/{run}/").json()
    assert (shown["state"], shown["error"]) == ("failed", "no model")
    assert shown["finished_at"] is not None


def test_an_unknown_run_is_not_found(api: Caller, session: str) -> None:
    for unknown in (uuid4(), session):
        problem(api.get(f"runs/{unknown}/"), 404, "not-found")


def test_the_run_of_a_deleted_session_is_gone(api: Caller, session: str) -> None:
    run = api.say(session, answer=True)["answer_run_id"]
    api.delete(f"sessions/{session}/", if_match="*")
    problem(api.get(f"runs/{run}/"), 404, "not-found")


@pytest.mark.parametrize(
    "body",
    [{"stream": 1}, {"stream": None}, {"stream": True, "on_disconnect": "stay"}, {"on_disconnect": "cancel"}],
)
def test_a_stream_is_asked_for_in_so_many_words(api: Caller, session: str, body: dict[str, object]) -> None:
    problem(api.post(f"sessions/{session}/runs/", {"input": "x", **body}), 422, "validation-failed")


def test_where_nothing_is_served_live_a_run_with_a_stream_is_not_begun(api: Caller, session: str) -> None:
    for body, accept in (({"stream": True}, "*/*"), ({}, "text/event-stream")):
        problem(api.post(f"sessions/{session}/runs/", {"input": "x", **body}, accept=accept), 406, "not-acceptable")
    assert api.get(f"sessions/{session}/runs/").json()["data"] == []
    run = api.post(f"sessions/{session}/runs/", {"input": "x"}).json()["id"]
    problem(api.get(f"runs/{run}/stream/"), 406, "not-acceptable")
    problem(api.get(f"sessions/{session}/runs/", accept="text/event-stream"), 406, "not-acceptable")


@pytest.mark.django_db(transaction=True)
def test_a_conversation_is_compacted_and_that_is_taken_back(api: Caller) -> None:
    options = {"delay": 0, "text": "in short"}
    session = api.session(config={"provider": "echo", "model": "echo", "provider_options": options})
    path = f"sessions/{session}/context/compact/"
    problem(api.delete(path), 404, "not-found")
    for number in range(4):
        api.say(session, f"{number} " + "many words " * 50)
    answer = api.post(path, {}, idempotency_key="k")
    run = answer.json()
    assert (answer.status_code, run["compacts"], run["state"]) == (202, True, "queued")
    assert answer["Location"].endswith(f"/api/v1/runs/{run['id']}/")
    assert api.post(path, {}, idempotency_key="k").json()["id"] == run["id"]
    do(run["id"])
    made = api.get(f"runs/{run['id']}/").json()["message_id"]
    outcomes = [kept["outcome"] for kept in api.get(f"sessions/{session}/context/plan/").json()["messages"]]
    assert outcomes == ["summarised"] * 3 + ["kept"] * 2
    problem(api.delete(path, if_match='"v1"'), 412, "precondition-failed")
    taken = api.delete(path).json()
    assert (taken["id"], taken["metadata"]["excluded"]) == (made, True)
    problem(api.post(path, {"conversation": session, "on_busy": "never"}), 422, "validation-failed")
    problem(api.delete(f"{path}?message=x"), 422, "validation-failed")
