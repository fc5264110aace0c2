"""S13: no mass assignment: the names of the fields of all models are offered at every level of every command's payload
and of every frame; none is taken that the command does not name, and no row changes.

Bodies of the REST addresses: `tests/api/test_bad_input.py`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from msgspec.inspect import StructType, type_info

from bus.registry import default
from tests.api.bad_values import SOME
from tests.api.caller import Caller, problem
from tests.api.classified import COMMANDS
from tests.api.handshake import Talk, handshake, headers_of
from tests.api.smuggling import offered
from tests.api.test_isolation import Property

pytestmark = pytest.mark.django_db(transaction=True)

ECHO = {"provider": "echo", "model": "echo"}
TEXT = {"type": "text", "text": "x"}
CALL = {"type": "tool_call", "tool_call_id": "c", "name": "n", "args": {}}
PARTS = [TEXT, CALL, {"type": "image", "url": "u"}, {"type": "tool_result", "tool_call_id": "c", "content": "x"}]
NESTED: dict[str, list[tuple[str, Any, Any]]] = {
    "create-session": [("config", ECHO, None)],
    "ensure-session": [("config", ECHO, None)],
    "update-session": [("config", {"model": "echo"}, None), ("metrics", {"prompt_tokens": 1}, None)],
    "add-message": [*(("content", part, list) for part in PARTS), ("tool_calls", CALL, list)],
    "update-message": [("content", part, list) for part in PARTS],
}
"""By command: (field, an object to smuggle into, whether it stands in a list)."""
OURS = [name for name, (kind, _) in COMMANDS.items() if kind != "staff"]


@pytest.fixture
def hers(alice_client: Client, alice: Any) -> Property:
    return Property(Caller(alice))


def structs_in(kind: Any) -> Iterator[StructType]:
    """Every object that can stand somewhere in a value of this kind."""
    seen, todo = set(), [type_info(kind)]
    while todo:
        info: Any = todo.pop()
        if isinstance(info, StructType):
            if info.cls in seen:
                continue
            seen.add(info.cls)
            yield info
            todo += [field.type for field in info.fields]
        todo += getattr(info, "types", ())
        todo += [getattr(info, name) for name in ("item_type", "value_type") if hasattr(info, name)]


def payload_of(name: str, hers: Property) -> dict[str, Any]:
    fields = {
        key: hers.ids["message_id"] if value == "{message}" else value for key, value in COMMANDS[name][1].items()
    }
    return fields if name in ("create-session", "list-sessions") else {"session_id": hers.session, **fields}


def smuggling(name: str, hers: Property) -> Iterator[dict[str, Any]]:
    """The command's payload with each name that it does not know, at its top and in each object inside it."""
    payload = payload_of(name, hers)
    known = set(default.commands[name].__struct_encode_fields__)
    yield from (payload | {smuggled_name: SOME} for smuggled_name in offered(name) if smuggled_name not in known)
    for field, inner, many in NESTED.get(name, []):
        for smuggled_name in ("owner_id", "fence", "version", "total_tokens", "id", "created_at", "max_context_window"):
            given = inner | {smuggled_name: SOME}
            yield payload | {field: [given] if many else given}


def test_every_object_of_every_public_command_refuses_what_it_does_not_name() -> None:
    found = {info.cls: info for name in OURS for info in structs_in(default.commands[name])}
    assert len(found) > len(OURS), "nothing nested was found"
    assert [kind for kind, info in found.items() if not info.forbid_unknown_fields] == []


@pytest.mark.parametrize("name", OURS)
def test_no_command_takes_a_field_that_it_does_not_name(hers: Property, name: str) -> None:
    api, count = hers.api, 0  # another login would be recorded
    for payload in smuggling(name, hers):
        problem(api.post("commands/", {"name": name, "payload": payload}), 422, "validation-failed")
        count += 1
    assert count > 20
    assert hers.written() == hers.before


def check_refused(talk: Talk, count: int) -> None:
    assert (talk.accepted, talk.code, len(talk.frames)) == (True, None, count)
    taken = [frame for frame in talk.frames if frame.get("error", {}).get("code") != "validation-failed"]
    assert taken == []


@pytest.mark.parametrize("name", OURS)
def test_no_command_over_a_socket_does(alice_client: Client, hers: Property, name: str) -> None:
    frames = [
        {"id": 1, "method": "command", "params": {"name": name, "payload": payload}}
        for payload in smuggling(name, hers)
    ]
    check_refused(handshake(headers_of(alice_client, "http://testserver"), *frames), len(frames))
    assert hers.written() == hers.before


@pytest.mark.parametrize("method", ["command", "subscribe", "unsubscribe"])
def test_no_method_takes_a_parameter_that_it_does_not_name(alice_client: Client, hers: Property, method: str) -> None:
    given = {
        "command": {"name": "list-sessions"},
        "subscribe": {"session": hers.session},
        "unsubscribe": {"subscription": "s1"},
    }[method]
    known = {"name", "payload", "session", "after", "expected_version", "idempotency_key"}
    names = [name for name in offered(method) if name not in known]
    frames: list[Any] = [{"id": 1, "method": method, "params": given | {name: SOME}} for name in names]
    frames += [{"id": 1, "method": method, "params": given, name: SOME} for name in names if name != "id"]
    check_refused(handshake(headers_of(alice_client, "http://testserver"), *frames), len(frames))
    assert hers.written() == hers.before
