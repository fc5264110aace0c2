"""S1 over sockets: no command that REST refuses is done for whoever says it through a WebSocket. Every public command,
of the table that `test_isolation.py` holds against the registry."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.api.caller import Caller
from tests.api.classified import COMMANDS
from tests.api.handshake import handshake, headers_of
from tests.api.test_isolation import NOTHING, Property

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hers(alice: User) -> Property:
    return Property(Caller(alice))


@pytest.fixture(params=["bob", "charlie"])
def intruder(request: pytest.FixtureRequest) -> Client:
    """Another tenant; staff, who have no more rights than anybody."""
    client = Client()
    client.force_login(request.getfixturevalue(request.param))
    return client


def of(*kinds: str) -> list[str]:
    return [name for name, (kind, _) in COMMANDS.items() if kind in kinds]


def said(client: Client, payloads: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    """The answers to these commands on one socket."""
    frames = [
        {"id": number, "method": "command", "params": {"name": name, "payload": payload}}
        for number, (name, payload) in enumerate(payloads)
    ]
    talk = handshake(headers_of(client, "http://testserver"), *frames)
    assert (talk.accepted, talk.code, len(talk.frames)) == (True, None, len(frames))
    return talk.frames


def words(answer: dict[str, Any], *ids: str) -> str:
    text = json.dumps(answer["error"])
    for ident in ids:
        text = text.replace(ident, "*")
    return text


def test_no_command_reaches_somebody_elses_session(hers: Property, intruder: Client) -> None:
    names = of("owned")
    assert len(names) > 30
    there = said(intruder, [(name, hers.payload(name, hers.session)) for name in names])
    assert {name: answer["error"]["code"] for name, answer in zip(names, there, strict=True)} == dict.fromkeys(
        names, "not-found"
    )
    assert "private" not in json.dumps(there)
    assert hers.written() == hers.before
    names.remove("ensure-session")  # creates what is free
    nothing = said(intruder, [(name, hers.payload(name, NOTHING)) for name in names])
    there = [answer for answer in there if answer["id"] != of("owned").index("ensure-session")]
    for name, one, other in zip(names, there, nothing, strict=True):
        assert words(one, *hers.ids.values()) == words(other, NOTHING, *hers.ids.values()), name
    assert hers.written() == hers.before


def test_what_tolerates_absence_and_what_lists_tell_nothing_of_hers(hers: Property, intruder: Client) -> None:
    silent, lists = of("silent"), of("list")
    asked = [(name, {"session_id": session}) for name in silent for session in (hers.session, NOTHING)]
    answers = said(intruder, [*asked, *((name, COMMANDS[name][1]) for name in lists)])
    for there, nothing in zip(answers[: len(asked) : 2], answers[1 : len(asked) : 2], strict=True):
        assert there["result"]["data"] == nothing["result"]["data"]
        assert not there["result"]["data"]
    shown = json.dumps(answers[len(asked) :])
    assert "private" not in shown
    assert not [ident for ident in hers.ids.values() if ident in shown]
    assert hers.written() == hers.before


def test_a_command_for_operators_is_unknown_on_a_socket(hers: Property, intruder: Client) -> None:
    answers = said(intruder, [(name, COMMANDS[name][1]) for name in of("staff")])
    assert {answer["error"]["code"] for answer in answers} == {"unknown-command"}
    assert hers.written() == hers.before
