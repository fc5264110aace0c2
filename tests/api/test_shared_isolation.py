"""S1 of sessions that are shared: the same table of addresses and commands, as a viewer, an editor, and somebody who
was one. What a viewer is refused changes nothing; what an editor is refused is the owner's alone."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from bus.messages import SessionCommand
from bus.registry import default
from tests.api.caller import Caller, problem
from tests.api.classified import API, COMMANDS, OWNERS, PAGES, READS
from tests.api.test_isolation import NOTHING, Property, without_ids


@pytest.fixture
def hers(api: Caller) -> Property:
    return Property(api)


def share(hers: Property, user: User, role: str) -> None:
    answer = hers.api.post(f"sessions/{hers.session}/shares/", {"username": user.username, "role": role})
    assert answer.status_code in (200, 201), answer.content
    hers.before = hers.written()


def routes() -> list[tuple[str, str, Any, bool]]:
    """Every call at an address of a session: method, path, body, whether it is the owner's alone. Deletions last."""
    found = [
        (method, path, body, method in route.owner)
        for path, route in API.items()
        if route.kind == "owned" and not {"command_id", "token_id", "export_id"} & set(re.findall(r":(\w+)>", path))
        for method, body in route.calls
    ]
    return sorted(found, key=lambda call: call[0] == "DELETE")


def given(hers: Property, name: str) -> dict[str, Any]:
    fields = json.dumps(COMMANDS[name][1])
    for kind in ("message", "run", "conversation", "artifact", "graph", "node"):
        fields = fields.replace(f"{{{kind}}}", hers.ids[f"{kind}_id"])
    return {"name": name, "payload": json.loads(fields) | {"session_id": hers.session}}


ABOUT = [
    name
    for name, (kind, _) in COMMANDS.items()
    if kind in ("owned", "silent") and name != "ensure-session" and issubclass(default.commands[name], SessionCommand)
]
SPECIAL = ("/stream/", "/erasure/")
"""Addresses that answer for as long as something goes on, and for what is no more. Who may not have them is told so."""


def test_what_commands_need_is_what_the_table_says() -> None:
    needed = {name: default.commands[name].access for name in ABOUT}
    assert {name for name, needs in needed.items() if needs == "read"} == READS | {"unshare-session"}
    assert {name for name, needs in needed.items() if needs in ("own", "erase")} == OWNERS - {"unshare-session"}


def test_a_viewer_reads_everything_and_changes_nothing(hers: Property, bob_api: Caller, bob: User) -> None:
    share(hers, bob, "viewer")
    for method, path, body, _ in routes():
        if path.startswith("exports/") or (method == "GET" and path.endswith(SPECIAL)):
            continue
        answer = bob_api.call(method, hers.at(path), body, if_match="*")
        if method in ("GET", "PUT"):
            asked = 422 if path.endswith("/history/") else 200  # says that it wants a node
            assert answer.status_code == asked, (method, path, answer.content)
        else:
            problem(answer, 403, "forbidden")
    for name in ABOUT:
        answer = bob_api.post("commands/", given(hers, name))
        assert answer.status_code == (200 if name in READS else 403), (name, answer.content)
        if name not in READS | {"unshare-session", "delete-session"}:  # looked at by the worker
            problem(bob_api.post("commands/", given(hers, name), prefer="respond-async"), 403, "forbidden")
    assert hers.written() == hers.before


def test_an_editor_changes_everything_but_what_is_the_owners_alone(hers: Property, bob_api: Caller, bob: User) -> None:
    share(hers, bob, "editor")
    for method, path, body, _ in (call for call in routes() if call[3]):
        problem(bob_api.call(method, hers.at(path), body, if_match="*"), 403, "forbidden")
    for name in OWNERS:
        problem(bob_api.post("commands/", given(hers, name)), 403, "forbidden")
    assert hers.written() == hers.before
    for method, path, body, owners in routes():
        if not owners and not path.endswith(SPECIAL):
            answer = bob_api.call(method, hers.at(path), body, if_match="*")
            assert answer.status_code not in (401, 403), (method, path)
            assert answer.status_code != 404 or b"Session not found" not in answer.content, (method, path)
    for name in ABOUT:
        if name not in OWNERS | {"send-to-session", "get-artifact", "delete-artifact"}:
            answer = bob_api.post("commands/", given(hers, name))
            named = answer.status_code == 404 and b"Session not found" not in answer.content
            assert named or answer.status_code in (200, 409, 422), (name, answer.content)


def test_after_it_was_unshared_nothing_is_found_any_more(hers: Property, bob_api: Caller, bob: User) -> None:
    share(hers, bob, "editor")
    assert hers.api.delete(f"sessions/{hers.session}/shares/{bob.pk}/").status_code == 204
    hers.before = hers.written()
    for method, path, body, _ in routes():
        there = bob_api.call(method, hers.at(path), body, if_match="*")
        problem(there, 404, "not-found")
        if method != "PUT":
            nothing = bob_api.call(method, hers.of_nothing(path), body, if_match="*")
            assert without_ids(there, *hers.ids.values()) == without_ids(nothing, NOTHING)
    for name in ABOUT:
        answer = bob_api.post("commands/", given(hers, name))
        assert answer.status_code == 404 or not answer.json()["data"], (name, answer.content)
    assert hers.written() == hers.before


def test_the_pages_of_a_shared_session_are_there_and_a_viewers_has_nothing_to_write_in(
    hers: Property, bob_api: Caller, bob: User
) -> None:
    share(hers, bob, "viewer")
    for path, route in PAGES.items():
        if route.kind == "owned" and ("GET", None) in route.calls:
            expected = 404 if "GET" in route.owner else 200
            assert bob_api.client.get("/" + hers.at(path)).status_code == expected
    page = "/" + hers.at("sessions/<uuid:session_id>/")
    for path in (page, f"{page}lines/"):
        shown = bob_api.client.get(path).content
        assert b"private text" in shown
        assert not any(mark in shown for mark in (b"<textarea", b"data-begins", b"data-command="))
    assert bob_api.client.post(page, {"content": "x"}).status_code == 403
    assert hers.written() == hers.before
    share(hers, bob, "editor")
    assert all(mark in bob_api.client.get(page).content for mark in (b"<textarea", b"data-begins", b"data-command="))
