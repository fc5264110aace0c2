"""Random JSON at the writes that take the most of it: never a failure of ours, and what was taken can be read again."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.models import Session
from tests.api.bad_values import SOME
from tests.api.caller import Caller, any_problem
from tests.story import assert_replay_rebuilds_the_same_rows

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates and NUL among them
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXT)
JSON = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
METADATA = st.dictionaries(TEXT, JSON, max_size=4)
PART = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}),
    st.fixed_dictionaries({"type": st.just("image"), "url": TEXT}, optional={"detail": TEXT, "alt_text": TEXT}),
    st.fixed_dictionaries({"type": st.just("tool_call"), "tool_call_id": TEXT, "name": TEXT, "args": METADATA}),
    st.fixed_dictionaries({"type": st.just("tool_result"), "tool_call_id": TEXT, "content": TEXT | JSON}),
    JSON,
)
MESSAGE = st.fixed_dictionaries(
    {"content": TEXT | st.lists(PART, max_size=3) | JSON},
    optional={
        "role": st.sampled_from(["user", "assistant", "tool", "system", "nobody"]),
        "metadata": METADATA,
        "tool_call_id": st.none() | TEXT | st.text(max_size=300),
        "tool_calls": st.lists(PART, max_size=2),
        "message_id": st.sampled_from([SOME, "x"]) | JSON,
        "conversation_id": st.just(SOME) | JSON,
        "expected_version": st.integers(-1, 3) | JSON,
        "answer": st.booleans() | JSON,
    },
)
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.just("openai") | TEXT,
        "model": st.just("gpt-4o") | TEXT,
        "system_prompt": st.none() | TEXT,
        "temperature": st.floats(-1, 3) | JSON,
        "max_tokens": st.integers(-1, 2**40),
        "tools": st.lists(TEXT, max_size=3) | JSON,
        "provider_options": METADATA,
    },
)
COUNTS = st.fixed_dictionaries(
    {},
    optional={name: st.integers(-1, 2**54) | JSON for name in ("prompt_tokens", "completion_tokens", "context_tokens")},
)
SESSION = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXT | st.text(max_size=300),
        "is_active": st.booleans() | JSON,
        "metadata": METADATA,
        "config": CONFIG | JSON,
        "metrics": COUNTS | JSON,
    },
)
bounded = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        any_problem(answer)


def values(answer: Any) -> dict[str, Any]:
    """The answer as JavaScript reads it: PostgreSQL gives 1e22 back with all its digits, which is the same double."""
    read: dict[str, Any] = json.loads(answer.content, parse_int=float)
    return read


@bounded
@given(body=MESSAGE | JSON)
def test_no_message_makes_the_server_fail(api: Caller, session: str, body: Any) -> None:
    answer = api.post(f"sessions/{session}/messages/", body)
    check(answer)
    if answer.status_code == 201:
        said, shown = values(answer), values(api.get(f"sessions/{session}/messages/{answer.json()['id']}/"))
        assert {name: said.get(name) for name in shown} == shown


@bounded
@given(body=SESSION | JSON, counts=COUNTS)
def test_no_change_of_a_session_makes_the_server_fail(api: Caller, session: str, body: Any, counts: Any) -> None:
    path = f"sessions/{session}/"
    check(api.patch(path, body, if_match="*"))
    check(api.post(path + "metrics/", counts))
    shown, state = api.get(path), api.get(path + "state/")
    assert (shown.status_code, state.status_code) == (200, 200)
    for member in ("title", "config", "metadata", "metrics", "is_active"):
        assert values(state)[member] == values(shown)[member]


def test_what_random_changes_left_is_what_a_replay_rebuilds(api: Caller, session: str) -> None:
    path = f"sessions/{session}/"

    @settings(bounded, max_examples=40)
    @given(body=SESSION, message=MESSAGE)
    def change(body: Any, message: Any) -> None:
        check(api.patch(path, body, if_match="*"))
        check(api.post(path + "messages/", message))

    change()
    assert_replay_rebuilds_the_same_rows()
    assert Session.objects.count() == 1
