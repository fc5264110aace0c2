"""No frame makes a socket fail: an error reply with a stable code, and nothing is written. Driven without a network."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User

from bus.live.connection import Connection
from bus.live.hub import hub
from bus.live.identity import Identity
from bus.live.protocol import MAX_FRAME, MAX_SUBSCRIPTIONS, CloseCode, Hangup
from bus.live.protocol import Caller as Calling
from bus.messages import Actor
from bus.registry import default
from sessions_app.consumers import SessionsConsumer
from tests.api.bad_values import MALFORMED_VALUES, NOT_JSON, SOME
from tests.api.caller import Caller, recorded

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN = sorted(name for name, kind in default.commands.items() if not kind.public or kind.staff_only)
FRAMES: dict[str, tuple[Any, str]] = {
    "unknown method": ({"id": 1, "method": "nope"}, "validation-failed"),
    "no method": ({"id": 1}, "validation-failed"),
    "unknown member": ({"id": 1, "method": "ping", "actor": "system"}, "validation-failed"),
    "array": ([], "validation-failed"),
    "string": ("x", "validation-failed"),
    "null": (None, "validation-failed"),
    "id of a wrong kind": ({"id": {}, "method": "ping"}, "validation-failed"),
    "params of a wrong kind": ({"id": 1, "method": "ping", "params": []}, "validation-failed"),
    "subscribe to nothing": ({"id": 1, "method": "subscribe"}, "validation-failed"),
    "subscribe to no id": ({"id": 1, "method": "subscribe", "params": {"session": "x"}}, "validation-failed"),
    "unsubscribe what is not": ({"id": 1, "method": "unsubscribe", "params": {"subscription": "s9"}}, "not-found"),
    "unsubscribe nothing": ({"id": 1, "method": "unsubscribe", "params": {}}, "validation-failed"),
    "nameless command": ({"id": 1, "method": "command", "params": {}}, "validation-failed"),
    "unknown command": ({"id": 1, "method": "command", "params": {"name": "no-such"}}, "unknown-command"),
    "command as somebody": (
        {"id": 1, "method": "command", "params": {"name": "list-sessions", "actor": "system"}},
        "validation-failed",
    ),
    "payload of a wrong kind": (
        {"id": 1, "method": "command", "params": {"name": "list-sessions", "payload": [1]}},
        "validation-failed",
    ),
}
_AFTERS: list[Any] = [-1, "1", 1.5, True, []]
_TOPICS: list[Any] = ["*", ["Nope"], [1], [""], ["a b"], ["x" * 101], [None]]
_FILTERS: list[Any] = [{}, [1], [{}], [{"field": "a", "op": "like"}]]
SUBSCRIBE: list[tuple[dict[str, Any], str]] = [
    *(({"after": after}, "validation-failed") for after in _AFTERS),
    *(({"topics": topics}, "validation-failed") for topics in _TOPICS),
    *(({"filters": filters}, "validation-failed") for filters in _FILTERS),
    ({"session": SOME}, "not-found"),
    ({"extra": 1}, "validation-failed"),
]


@asynccontextmanager
async def connection(user: User) -> AsyncIterator[Connection]:
    """A socket of this person's, on a hub of its own."""
    caller = Calling(Actor("user", str(user.pk)))

    async def still() -> Calling:
        return caller

    made = Connection(Identity(caller, still), SessionsConsumer(), (512, 4_000_000))
    try:
        yield made
    finally:
        made.close()
        await hub().close()


async def ask(socket: Connection, frame: Any) -> dict[str, Any]:
    """The reply to a frame; events and notices in between are skipped."""
    if isinstance(frame, bytes):
        await socket.receive(None, frame)
    else:
        await socket.receive(json.dumps(frame), None)
    while True:
        reply: dict[str, Any] = json.loads(await asyncio.wait_for(socket.outbox.get(), 5))
        if "subscription" not in reply:
            return reply


def exchange(user: User, frames: list[Any]) -> list[dict[str, Any]]:
    """The replies to frames sent one after the other over one socket, which must stay open."""

    async def run() -> list[dict[str, Any]]:
        async with connection(user) as socket:
            replies = [await ask(socket, frame) for frame in frames]
            assert socket.outbox.closed is None
            return replies

    return asyncio.run(run())


def test_a_frame_that_cannot_be_answered_is_refused_and_the_socket_goes_on(alice: User) -> None:
    before = recorded()
    replies = exchange(alice, [frame for frame, _ in FRAMES.values()] + [{"id": "last", "method": "ping"}])
    for (case, (frame, code)), reply in zip(FRAMES.items(), replies, strict=False):
        assert reply["error"]["code"] == code, (case, reply)
        assert reply["error"]["status"] < 500
        if (
            isinstance(frame, dict)
            and frame.get("id") == 1
            and "method" in frame
            and len(frame) < 4
            and case != "unknown member"
        ):
            assert reply["id"] == (None if case == "params of a wrong kind" else 1), case
    assert replies[-1] == {"id": "last", "result": {}}
    assert recorded() == before


@pytest.mark.parametrize("binary", [False, True])
def test_a_frame_that_is_not_json_ends_the_connection(alice: User, binary: bool) -> None:
    values = {name: b'{"id": 1, "method": "ping", "params": {"x": ' + v + b"}}" for name, v in MALFORMED_VALUES.items()}
    frames = {name: body for name, body in (NOT_JSON | values).items() if len(body) < MAX_FRAME} | {"empty": b""}

    async def run(body: bytes) -> None:
        async with connection(alice) as socket:
            await socket.receive(None if binary else body.decode("utf-8", "surrogateescape"), body if binary else None)
            reply = json.loads(await socket.outbox.get())
            assert (reply["id"], reply["error"]["code"]) == (None, "malformed")
            with pytest.raises(Hangup) as ended:
                await socket.outbox.get()
            assert ended.value.code == CloseCode.BAD_FRAME == 4400

    before = recorded()
    for body in frames.values():
        asyncio.run(run(body))
    assert recorded() == before


def test_a_frame_that_is_too_large_is_refused_unread(alice: User) -> None:
    frame = {"id": 1, "method": "ping", "params": {"x": "x" * MAX_FRAME}}
    (reply,) = exchange(alice, [frame])
    assert (reply["id"], reply["error"]["code"]) == (None, "too-large")
    (reply,) = exchange(alice, [b"[" * 100_000])
    assert reply["error"]["code"] == "too-large"


def test_a_subscription_that_makes_no_sense_is_refused(alice: User) -> None:
    session = Caller(alice).session()
    frames = [
        {"id": number, "method": "subscribe", "params": {"session": session} | params}
        for number, (params, _) in enumerate(SUBSCRIBE)
    ]
    for reply, (params, code) in zip(exchange(alice, frames), SUBSCRIBE, strict=True):
        assert reply["error"]["code"] == code, (params, reply)


def test_a_version_the_log_has_not_reached_is_answered_by_a_reset(alice: User) -> None:
    session = Caller(alice).session()
    params = [{"session": session, "after": after} for after in (2, 2**63 - 1)]
    for reply in exchange(alice, [{"id": 1, "method": "subscribe", "params": one} for one in params]):
        assert reply["result"] | {"subscription": ""} == {
            "subscription": "",
            "head": 1,
            "recovered": False,
            "reset": True,
        }


def test_somebody_elses_session_is_not_found_in_the_same_words(alice: User, bob: User) -> None:
    session = Caller(alice).session()
    wanted = [session, SOME]
    before = recorded()
    subscribed = exchange(bob, [{"id": 1, "method": "subscribe", "params": {"session": one}} for one in wanted])
    for name, more in (
        ("add-message", {"content": "x"}),
        ("update-session", {"title": "x"}),
        ("update-token-metrics", {}),
    ):
        commanded = exchange(bob, [command(name, {"session_id": one, **more}) for one in wanted])
        for replies in (subscribed, commanded):
            theirs, nothing = (json.dumps(reply).replace(one, "") for reply, one in zip(replies, wanted, strict=True))
            assert theirs == nothing
            assert replies[0]["error"]["code"] == "not-found"
    assert recorded() == before


def test_a_socket_holds_so_many_subscriptions_and_no_more(alice: User) -> None:
    session = Caller(alice).session()
    subscribe = {"id": 1, "method": "subscribe", "params": {"session": session, "topics": ["run-*"]}}
    leave = {"id": 2, "method": "unsubscribe", "params": {"subscription": "s1"}}
    *fine, refused, left, again = exchange(alice, [subscribe] * (MAX_SUBSCRIPTIONS + 1) + [leave, subscribe])
    assert len(fine) == 50
    assert all("result" in reply for reply in [*fine, left, again])
    assert refused["error"]["code"] == "validation-failed"


def command(name: str, payload: Any, **params: Any) -> dict[str, Any]:
    return {"id": 1, "method": "command", "params": {"name": name, "payload": payload, **params}}


def test_a_command_over_a_socket_is_as_strict_as_over_rest(alice: User) -> None:
    session = Caller(alice).session()
    before = recorded()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"owner_id": 1}, "validation-failed"),
        ({"role": "king"}, "validation-failed"),
        ({"tool_call_id": "x" * 201}, "validation-failed"),
        ({"conversation_id": SOME}, "not-found"),
    ]
    frames = [command("add-message", {"session_id": session, "content": "x", **more}) for more, _ in wrong]
    frames.append(command("add-message", {"session_id": session, "content": "x"}, expected_version=9))
    *replies, conflict = exchange(alice, frames)
    assert [reply["error"]["code"] for reply in replies] == [code for _, code in wrong]
    assert (conflict["error"]["code"], conflict["error"]["current_version"]) == ("version-conflict", 1)
    assert recorded() == before


def test_a_command_that_is_not_offered_is_never_run(alice: User) -> None:
    session = Caller(alice).session()
    before = recorded()
    for name in HIDDEN:
        (reply,) = exchange(alice, [command(name, {"session_id": session})])
        assert reply["error"]["status"] < 500
    assert recorded() == before


def test_a_command_that_is_not_offered_is_unknown(alice: User) -> None:
    for reply in exchange(alice, [command(name, {}) for name in HIDDEN]):
        assert reply["error"]["code"] == "unknown-command"


def test_a_bad_idempotency_key_is_refused(alice: User) -> None:
    for key in ("", "x" * 201, "a b"):
        (reply,) = exchange(alice, [command("list-sessions", {}, idempotency_key=key)])
        assert reply["error"]["code"] == "validation-failed"
