"""`sessions/{id}/metrics/`: read the totals, add to them."""

import pytest

from tests.api.caller import Caller, problem, recorded
from tests.story import assert_replay_rebuilds_the_same_rows


def test_tokens_add_up(api: Caller, session: str) -> None:
    path = f"sessions/{session}/metrics/"
    assert api.get(path).json()["total_tokens"] == 0
    api.post(path, {"prompt_tokens": 10, "completion_tokens": 5})
    answer = api.post(path, {"prompt_tokens": 1, "context_tokens": 7})
    shown = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"v3"')
    assert (shown["prompt_tokens"], shown["completion_tokens"], shown["total_tokens"]) == (11, 5, 16)
    assert shown["context_tokens"] == 7
    read = api.get(path)
    assert (read.json(), read["ETag"]) == (shown, '"v3"')
    assert api.get(f"sessions/{session}/").json()["metrics"] == shown
    assert_replay_rebuilds_the_same_rows()


def test_a_repeated_key_counts_once(api: Caller, session: str) -> None:
    path = f"sessions/{session}/metrics/"
    first, again = (api.post(path, {"prompt_tokens": 10}, idempotency_key="k") for _ in range(2))
    assert first.json() == again.json()
    assert api.get(path).json()["prompt_tokens"] == 10


def test_a_wrong_expected_version_counts_nothing(api: Caller, session: str) -> None:
    refused = api.post(f"sessions/{session}/metrics/", {"prompt_tokens": 1, "expected_version": 9})
    assert problem(refused, 409, "version-conflict")["current_version"] == 1
    assert api.get(f"sessions/{session}/metrics/").json()["prompt_tokens"] == 0


@pytest.mark.parametrize("count", [-1, 2**53 + 1, 1.5, "1", True, None, [1]])
def test_only_counts_are_counted(api: Caller, session: str, count: object) -> None:
    before = recorded()
    document = problem(api.post(f"sessions/{session}/metrics/", {"prompt_tokens": count}), 422, "validation-failed")
    assert document["errors"][0]["pointer"] == "/prompt_tokens"
    assert recorded() == before


def test_totals_that_cannot_be_kept_are_refused(api: Caller) -> None:
    free = api.session()
    priced = api.session(config={"provider": "openai", "model": "gpt-4o"})
    assert api.patch(f"sessions/{free}/", {"metrics": {"prompt_tokens": 2**53}}, if_match="*").status_code == 200
    before = recorded()
    for session, body in ((free, {"prompt_tokens": 2**53}), (priced, {"completion_tokens": 2**53})):
        problem(api.post(f"sessions/{session}/metrics/", body), 422, "validation-failed")
    assert recorded() == before
