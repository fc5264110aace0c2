"""S5: no input yields a 5xx: random payloads for every public command, by REST and by socket; random socket frames.

What is known to break others stands in `test_bad_*.py`; here the list of what is tried comes from the registry."""

import re
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.registry import default
from tests.api.bad_values import SOME, WRITES
from tests.api.caller import Caller
from tests.api.classified import API, COMMANDS
from tests.api.handshake import Talk, handshake, headers_of
from tests.api.test_fuzz import JSON, TEXT, bounded, check
from tests.story import assert_replay_rebuilds_the_same_rows

PUBLIC = [name for name, (kind, _) in COMMANDS.items() if kind != "staff"]
fewer = settings(bounded, max_examples=15)


def payloads(name: str) -> st.SearchStrategy[Any]:
    """Payloads with the command's own fields, holding anything; sometimes no payload at all."""
    sound = COMMANDS[name][1]
    fields = default.commands[name].__struct_encode_fields__
    required = {field: st.just(value) | JSON for field, value in sound.items()}
    more = {field: JSON for field in fields if field not in sound and field != "session_id"}
    return st.fixed_dictionaries(required, optional=more) | JSON


def addressed(payload: Any, session: str) -> Any:
    """The payload for this session, where there is one."""
    return {"session_id": session, **payload} if isinstance(payload, dict) else payload


def test_every_write_has_a_corpus() -> None:
    def shape(path: str) -> str:
        return re.sub(r"<[^>]+>|\{\w+\}|" + SOME, "*", path)

    offered = {
        (method, shape(path))
        for path, route in API.items()
        for method, _ in route.calls
        if method not in ("GET", "DELETE") and route.kind != "staff"
    }
    assert {(write.method, shape(write.path)) for write in WRITES} == offered


@pytest.mark.parametrize("name", PUBLIC)
def test_no_payload_makes_a_command_fail(api: Caller, session: str, name: str) -> None:
    target = api.session() if name == "delete-session" else session

    @fewer
    @given(payload=payloads(name), expected=st.none() | st.integers(-1, 3) | JSON)
    def give(payload: Any, expected: Any) -> None:
        body = {"name": name, "payload": addressed(payload, target), "expected_version": expected}
        check(api.post("commands/", body))

    give()
    assert_replay_rebuilds_the_same_rows()


def check_talk(talk: Talk) -> None:
    """Every frame was answered, by a result or a refusal; only what is no JSON of ours ends the conversation."""
    assert talk.accepted
    assert talk.code in (None, 4400), talk
    for frame in talk.frames:
        assert "result" in frame or frame["error"]["status"] < 500, frame


FRAMES = st.fixed_dictionaries(
    {"method": st.sampled_from(["subscribe", "unsubscribe", "command", "ping"]) | TEXT},
    optional={
        "id": st.integers(0, 9) | JSON,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "session": st.just(SOME) | JSON,
                "after": st.integers(-1, 3) | JSON,
                "topics": st.lists(TEXT, max_size=3) | JSON,
                "filters": st.lists(
                    st.fixed_dictionaries({"field": TEXT, "op": st.sampled_from(["eq", "in", "lt"]), "value": JSON}),
                    max_size=2,
                )
                | JSON,
                "subscription": st.just("s1") | TEXT,
                "name": st.sampled_from(PUBLIC) | TEXT,
                "payload": JSON,
                "idempotency_key": TEXT,
                "expected_version": st.integers(-1, 3) | JSON,
            },
        )
        | JSON,
    },
)


def sent(client: Client, frames: list[Any]) -> Talk:
    return handshake(headers_of(client, "http://testserver"), *frames)


@pytest.mark.django_db(transaction=True)
def test_no_frame_makes_a_socket_fail(alice_client: Client) -> None:
    @settings(bounded, max_examples=40)
    @given(frames=st.lists(FRAMES | JSON.filter(lambda value: value is not None), min_size=1, max_size=5))
    def say(frames: list[Any]) -> None:
        check_talk(sent(alice_client, frames))

    say()


@pytest.mark.django_db(transaction=True)
def test_no_subscription_to_ones_own_session_makes_a_socket_fail(alice_client: Client, session: str) -> None:
    def mine(frame: Any) -> Any:
        if isinstance(frame.get("params"), dict) and frame["params"].get("session") == SOME:
            frame["params"]["session"] = session
        return frame

    @settings(bounded, max_examples=40)
    @given(frames=st.lists(FRAMES, min_size=1, max_size=5))
    def say(frames: list[Any]) -> None:
        check_talk(sent(alice_client, [mine(frame) for frame in frames]))

    say()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", PUBLIC)
def test_no_payload_makes_a_command_over_a_socket_fail(alice_client: Client, session: str, name: str) -> None:
    @settings(bounded, max_examples=8)
    @given(some=st.lists(payloads(name), min_size=1, max_size=4))
    def give(some: list[Any]) -> None:
        given_ones = [{"name": name, "payload": addressed(payload, session)} for payload in some]
        check_talk(sent(alice_client, [{"id": 1, "method": "command", "params": params} for params in given_ones]))

    give()
    assert_replay_rebuilds_the_same_rows()
