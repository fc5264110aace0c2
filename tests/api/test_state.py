"""`sessions/{id}/state/`: the session as it was."""

import pytest

from tests.api.caller import Caller, problem


def test_the_state_at_a_version_is_what_the_session_was_then(api: Caller, session: str) -> None:
    path = f"sessions/{session}/"
    api.say(session)
    api.patch(path, {"title": "Later", "metadata": {"project": {"stage": 2}}}, if_match="*")
    api.post(path + "metrics/", {"prompt_tokens": 3})
    then, now = (api.get(path + query).json() for query in ("state/?at_version=2", "state/"))
    assert (then["title"], then["version"], then["message_count"]) == ("A session", 2, 1)
    assert then["metadata"] == {"project": {"name": "parley", "stage": 1}}
    assert (now["title"], now["version"], now["metrics"]["prompt_tokens"]) == ("Later", 4, 3)
    assert now["metadata"] == {"project": {"name": "parley", "stage": 2}}
    assert api.get(path + "state/?at_version=4").json() == now


def test_the_state_now_agrees_with_the_rows(api: Caller) -> None:
    session = api.session(config={"provider": "openai", "model": "gpt-4o", "system_prompt": "Be kind."})
    api.post(f"sessions/{session}/metrics/", {"prompt_tokens": 1000, "completion_tokens": 10})
    api.patch(f"sessions/{session}/", {"config": {"model": "gpt-4o-mini"}}, if_match="*")
    shown = api.get(f"sessions/{session}/").json()
    state = api.get(f"sessions/{session}/state/").json()
    for member in ("title", "config", "metadata", "message_count", "is_active", "version", "metrics"):
        assert state[member] == shown[member], member


@pytest.mark.parametrize("version", ["0", "2", "-1", "x", "", "9" * 18, "9" * 5000])
def test_there_is_no_state_outside_the_log(api: Caller, session: str, version: str) -> None:
    problem(api.get(f"sessions/{session}/state/?at_version={version}"), 422, "validation-failed")
