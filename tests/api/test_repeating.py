"""Idempotency-Key on every POST, If-Match on every write: whatever stands in the table of addresses."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from bus.models import StoredEvent
from tests.api.caller import Caller, any_problem, problem, recorded
from tests.api.classified import API
from tests.api.test_isolation import Property, calls

AT_ITS_TIME = {"runs/<uuid:run_id>/continue/", "runs/<uuid:run_id>/decisions/"}
"""What can only be asked of runs in a state that nobody can bring about here."""


NO_SESSION = {
    "sessions/",
    "sessions/import/",
    "exports/",
    "exports/<uuid:export_id>/",
    "tokens/",
    "tickets/",
    "commands/",
}
"""Writes about no session that is there."""


class Shared(Property):
    """What Alice has, and shares with Dora."""

    def __init__(self, api: Caller) -> None:
        super().__init__(api)
        self.dora = str(User.objects.create_user("dora").pk)

    def at(self, path: str, **ids: str) -> str:
        return super().at(path, **{"user_id": self.dora} | ids)

    def shares(self) -> None:
        assert self.api.post(f"sessions/{self.session}/shares/", {"username": "dora"}).status_code == 201
        self.before = self.written()


def writes() -> list[tuple[str, str, Any]]:
    given = [call for kind in ("owned", "list") for call in calls(API, kind)]
    asked = [call for call in given if call[0] not in ("GET", "PUT")]
    return sorted(asked, key=lambda call: call[1].endswith("erasure/"))  # after which there is nothing to ask of


def addressed(api: Caller, hers: Property) -> dict[str, str]:
    """Addresses of what each POST can be asked of, where it is not what everything is asked of."""
    answered = api.say(hers.session, "an answer", role="assistant")["id"]
    again = "sessions/<uuid:session_id>/messages/<uuid:message_id>/regenerate/"
    ended = api.post(f"sessions/{api.session()}/runs/", {}).json()["id"]
    assert api.post(f"runs/{ended}/cancel/", {}).status_code == 200
    retry = "runs/<uuid:run_id>/retry/"
    return {again: hers.at(again, message_id=answered), retry: hers.at(retry, run_id=ended)}


def told(answer: Any) -> Any:
    """What an answer says, without the text of a token, which is told once, and the number of a command, which one
    that only reads gets anew."""
    return {name: value for name, value in answer.json().items() if name not in ("token", "command_id")}


def test_every_post_has_one_effect_for_one_key(api: Caller) -> None:
    hers = Shared(api)
    special = addressed(api, hers)
    refused = set()
    for number, (method, path, body) in enumerate(writes()):
        if method != "POST" or path == "tickets/":
            continue  # a ticket is good once, and a repeated request gets another
        address = special.get(path) or hers.at(path)
        first = api.post(address, body, idempotency_key=f"key-{number}")
        before = recorded()
        again = api.post(address, body, idempotency_key=f"key-{number}")
        if first.status_code >= 400:
            refused.add(path)
            any_problem(again)
            continue
        assert (again.status_code, told(again)) == (first.status_code, told(first)), path
        assert recorded() == before, path
    assert refused == AT_ITS_TIME | {"sessions/import/"}  # which is not JSON


def test_a_file_that_is_sent_again_with_its_key_is_stored_once(api: Caller, session: str) -> None:
    path = f"sessions/{session}/artifacts/?name=cat.txt"
    answers = [api.call("POST", path, b"meow", content_type="text/plain", idempotency_key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    other = api.call("POST", path, b"purr", content_type="text/plain", idempotency_key="k")
    problem(other, 422, "idempotency-mismatch")


@pytest.mark.parametrize("stale", ['"v1"', 'W/"v999"', '"another"', "nonsense"])
def test_every_write_is_refused_where_if_match_names_another_version(api: Caller, stale: str) -> None:
    hers = Shared(api)
    hers.shares()
    for method, path, body in writes():
        if path in NO_SESSION:
            continue
        answer = api.call(method, hers.at(path), body, if_match=stale)
        problem(answer, 412, "precondition-failed")
    payload = {"session_id": hers.session, "title": "x"}
    command = api.post("commands/", {"name": "update-session", "payload": payload}, if_match=stale)
    problem(command, 412, "precondition-failed")
    assert hers.written() == hers.before


def test_what_was_read_can_be_named_in_every_write(api: Caller) -> None:
    hers = Property(api)
    for noun, ident in (("runs", "run_id"), ("graphs", "graph_id")):
        path = f"{noun}/{hers.ids[ident]}/"
        tag = api.get(path)["ETag"]
        assert api.get(path, if_none_match=tag).status_code == 304
        cancelled = api.post(f"{path}cancel/", {}, if_match=tag)
        assert cancelled.status_code == 200, cancelled.content
        assert api.get(path)["ETag"] == cancelled["ETag"] != tag
    path = f"artifacts/{hers.ids['artifact_id']}/"
    problem(api.delete(path, if_match=tag), 412, "precondition-failed")
    assert api.delete(path, if_match=api.get(path)["ETag"]).status_code == 204


def test_every_read_has_a_tag_and_is_not_told_twice(api: Caller) -> None:
    hers = Property(api)
    for method, path, _ in [call for kind in ("owned", "list", "shared") for call in calls(API, kind)]:
        if method != "GET" or path.endswith("stream/") or path.startswith("exports/<"):
            continue
        asked = {"history/": f"?node={hers.ids['message_id']}", "search/": "?q=private"}
        address = hers.at(path) + asked.get(path.rpartition("<uuid:session_id>/")[2], "")
        first = api.get(address)
        if first.status_code == 404 and path.endswith("erasure/"):
            continue  # nothing was erased
        again = api.get(address, if_none_match=f'"x", {first["ETag"]}')
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"]), path
        assert api.get(address, if_none_match='"x"').status_code == 200, path


@pytest.mark.django_db(transaction=True)
def test_of_many_who_edit_with_if_match_none_undoes_what_another_did(alice: User) -> None:
    session = Caller(alice).session(metadata={"count": 0})

    def count(_: int) -> int:
        api, tries = Caller(alice), 0
        while True:
            tries += 1
            read = api.get(f"sessions/{session}/")
            more = {"metadata": {"count": read.json()["metadata"]["count"] + 1}}
            answer = api.patch(f"sessions/{session}/", more, if_match=read["ETag"])
            if answer.status_code == 200:
                connections.close_all()
                return tries
            problem(answer, 412, "precondition-failed")

    with ThreadPoolExecutor(4) as pool:
        tries = list(pool.map(count, range(12)))
    assert Caller(alice).get(f"sessions/{session}/").json()["metadata"] == {"count": 12}
    assert StoredEvent.objects.filter(type="session-updated").count() == 12 <= sum(tries)
