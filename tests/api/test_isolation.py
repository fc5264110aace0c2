"""S1: nobody reads or acts on another's objects. The routes are those the resolver knows, not those we remember."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.urls import URLPattern, URLResolver, get_resolver

from bus.models import Stream, Work
from bus.registry import default
from sessions_app.accounts.streams import stream_of
from sessions_app.models import ApiToken, Artifact, Conversation, Graph, GraphNode, Message, Run, Session
from tests.api.caller import Caller, any_problem, problem, recorded
from tests.api.classified import API, COMMANDS, OPENAI, PAGES, Route
from tests.standing import ground

NOTHING = "0198f2c4-aaaa-7000-8000-00000000000a"
ELSEWHERE = ("admin/", "healthz", "readyz", "metrics")
"""Addresses with tests of their own."""
NAMELESS = ("analytics/",)
"""Lists of numbers, which name nothing."""


def addresses(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    for item in patterns:
        if isinstance(item, URLResolver):
            if str(item.pattern) not in ELSEWHERE:
                yield from addresses(item.url_patterns, prefix + str(item.pattern))
        elif isinstance(item, URLPattern) and str(item.pattern) not in ELSEWHERE:
            yield prefix + str(item.pattern)


def calls(table: dict[str, Route], kind: str) -> list[tuple[str, str, Any]]:
    return [(m, path, body) for path, route in table.items() if route.kind == kind for m, body in route.calls]


class Property:
    """What Alice has: a session with a message, a run and a queued command."""

    def __init__(self, api: Caller) -> None:
        self.api = api
        self.session = api.session(title="private title", metadata={"secret": "private data"})
        said = api.say(self.session, "private text", answer=True)
        queued = {"name": "add-message", "payload": {"session_id": self.session, "content": "private"}}
        command = api.post("commands/", queued, prefer="respond-async").json()["command_id"]
        kept = api.post(f"sessions/{self.session}/artifacts/", {"name": "private name", "data": "private bytes"}).json()
        token = api.post("tokens/", {"name": "private token", "scopes": ["*"]}).json()
        self.ids = {
            "token_id": token["id"],
            "artifact_id": kept["id"],
            **self.graph(),
            "session_id": self.session,
            "message_id": said["id"],
            "conversation_id": self.fork(said["id"]),
            "run_id": said["answer_run_id"],
            "command_id": command,
            "export_id": api.post("exports/").json()["id"],
        }
        self.before = self.written()

    def at(self, path: str, **ids: str) -> str:
        """The address of Alice's object, or of those named instead."""
        path = path.replace("<slug:name>", "summarize")  # a prompt that is there for all
        path = path.replace("<int:user_id>", ids.get("user_id", "1"))
        return re.sub(r"<uuid:(\w+)>", lambda match: (self.ids | ids)[match[1]], path)

    def fork(self, message: str) -> str:
        body = {"message_id": message, "name": "private fork"}
        return str(self.api.post(f"sessions/{self.session}/conversations/", body).json()["id"])

    def graph(self) -> dict[str, str]:
        begun = self.api.post(f"sessions/{self.session}/graphs/", {"prompt": "private prompt"}).json()
        return {"graph_id": begun["id"], "node_id": begun["nodes"][0]["id"]}

    def of_nothing(self, path: str) -> str:
        return self.at(path, user_id="999999999", **dict.fromkeys(self.ids, NOTHING))

    def payload(self, name: str, session: str) -> dict[str, Any]:
        """What a command of COMMANDS takes to be about her objects."""
        fields = json.dumps(COMMANDS[name][1])
        for kind in ("message", "run", "conversation", "artifact", "graph", "node", "token"):
            fields = fields.replace(f"{{{kind}}}", self.ids[f"{kind}_id"])
        return dict(json.loads(fields)) | {"session_id": session}

    def written(self) -> tuple[Any, ...]:
        models = (Session, Conversation, Message, Run, Artifact, Graph, GraphNode, ApiToken)
        sessions = Stream.objects.exclude(id__range=(stream_of(0), stream_of(2**62 - 1))).count()
        rows = [list(model.objects.order_by("id").values()) for model in models]
        return recorded(), sessions, Work.objects.count(), rows


@pytest.fixture(scope="module")
def standing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Property]:
    """What Alice has in every test of this file."""
    with ground(django_db_blocker):
        yield Property(Caller(get_user_model().objects.create_user("alice")))


@pytest.fixture
def alice(db: None, standing: Property) -> User:
    return get_user_model().objects.get(username="alice")


@pytest.fixture
def hers(db: None, standing: Property) -> Property:
    standing.before = standing.written()
    return standing


@pytest.fixture(params=["bob_api", "charlie_api"])
def intruder(request: pytest.FixtureRequest) -> Caller:
    """Another tenant; staff, who have no more rights over REST than anybody."""
    caller: Caller = request.getfixturevalue(request.param)
    return caller


def without_ids(answer: Any, *ids: str) -> Any:
    """The body of a refusal without what names the request and its object."""
    document = any_problem(answer)
    for member in ("request_id", "instance"):
        document.pop(member)
    text = json.dumps(document)
    for ident in ids:
        text = text.replace(ident, "*")
    return text


def test_every_address_is_classified() -> None:
    known = set(addresses(get_resolver().url_patterns))
    api = {address.removeprefix("api/v1/") for address in known if address.startswith("api/v1/")}
    front = {address.removeprefix("openai/v1/") for address in known if address.startswith("openai/v1/")}
    pages = {address for address in known if not address.startswith(("api/v1/", "openai/v1/"))}
    hint = "classify new addresses in tests/api/classified.py (who may call them?), and remove those that are gone"
    assert api == set(API), hint
    assert front == set(OPENAI), hint
    assert pages == set(PAGES), hint


def test_every_public_command_is_classified() -> None:
    ours = ("bus.", "sessions_app.")  # other tests register commands of their own
    public = {name for name, kind in default.commands.items() if kind.public and kind.__module__.startswith(ours)}
    assert public == set(COMMANDS), "classify new commands in tests/api/classified.py: who may give them?"


@pytest.mark.parametrize(("method", "path", "body"), calls(API, "owned") + calls(API, "list"))
def test_a_stranger_is_asked_to_log_in_whatever_exists(
    stranger_api: Caller, hers: Property, method: str, path: str, body: Any
) -> None:
    there, nothing = (stranger_api.call(method, at(path), body, if_match="*") for at in (hers.at, hers.of_nothing))
    problem(there, 401, "unauthenticated")
    assert without_ids(there) == without_ids(nothing)
    assert hers.written() == hers.before


@pytest.mark.parametrize(("method", "path", "body"), calls(API, "owned"))
def test_what_is_somebody_elses_is_not_found_in_the_same_words_as_what_is_not(
    intruder: Caller, hers: Property, method: str, path: str, body: Any
) -> None:
    there = intruder.call(method, hers.at(path), body, if_match="*")
    problem(there, 404, "not-found")
    assert b"private" not in there.content
    assert hers.written() == hers.before
    if method != "PUT":  # an id that is free can be ensured; one that is taken cannot hide that it is
        nothing = intruder.call(method, hers.of_nothing(path), body, if_match="*")
        assert without_ids(there, *hers.ids.values()) == without_ids(nothing, NOTHING)
        assert set(there.headers) == set(nothing.headers)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [call for call in calls(API, "owned") if "message_id" in call[1] or "conversation_id" in call[1]],
)
def test_what_is_in_a_session_is_not_reached_through_ones_own(
    intruder: Caller, hers: Property, method: str, path: str, body: Any
) -> None:
    own = intruder.session()
    before = hers.written()
    problem(intruder.call(method, hers.at(path, session_id=own), body, if_match="*"), 404, "not-found")
    assert hers.written() == before


def test_lists_show_ones_own_only(intruder: Caller, api: Caller, hers: Property) -> None:
    own = intruder.session(title="own")
    assert [row["id"] for row in intruder.get("sessions/").json()["data"]] == [own]
    assert intruder.get("sessions/?q=private").json()["data"] == []
    listed = intruder.post("commands/", {"name": "list-sessions"})
    assert [row["id"] for row in listed.json()["data"]] == [own]
    assert [row["id"] for row in api.get("sessions/").json()["data"]] == [hers.session]


@pytest.mark.parametrize("path", [path for method, path, _ in calls(API, "list") if method == "GET"])
def test_no_list_has_a_row_of_somebody_elses(intruder: Caller, api: Caller, hers: Property, path: str) -> None:
    address = path + ("?q=private" if path == "search/" else "")
    told, hidden = (caller.get(address) for caller in (api, intruder))
    assert (told.status_code, hidden.status_code) == (200, 200)
    hers_only = {"private", *hers.ids.values()}
    assert path in NAMELESS or [one for one in hers_only if one in told.content.decode()], "it has nothing to hide"
    assert [one for one in hers_only if one in hidden.content.decode()] == []


@pytest.mark.parametrize("prefer", ["", "respond-async"])
@pytest.mark.parametrize("name", [name for name, (kind, _) in COMMANDS.items() if kind == "owned"])
def test_no_command_reaches_somebody_elses_session(intruder: Caller, hers: Property, name: str, prefer: str) -> None:
    answers = []
    for session in (hers.session, NOTHING):
        if name == "ensure-session" and (session == NOTHING or prefer):
            continue  # creates what is free; a worker finds out what is not
        body = {"name": name, "payload": hers.payload(name, session)}
        answers.append(intruder.post("commands/", body, prefer=prefer))
    for answer in answers:
        problem(answer, 404, "not-found")
    assert len({without_ids(answer, hers.session, NOTHING) for answer in answers}) <= 1
    assert hers.written() == hers.before


@pytest.mark.parametrize("name", [name for name, (kind, _) in COMMANDS.items() if kind == "silent"])
def test_a_command_that_tolerates_absence_says_the_same_of_what_is_somebody_elses(
    intruder: Caller, hers: Property, name: str
) -> None:
    there, nothing = (
        intruder.post("commands/", {"name": name, "payload": {"session_id": session}}).json()
        for session in (hers.session, NOTHING)
    )
    assert (there["data"], there["version"]) == (nothing["data"], nothing["version"])
    assert not there["data"]
    assert hers.written() == hers.before


def test_an_expected_version_tells_nothing_of_somebody_elses_session(intruder: Caller, hers: Property) -> None:
    body = {"name": "delete-session", "payload": {"session_id": hers.session}, "expected_version": 99}
    answer = intruder.post("commands/", body)
    assert "current_version" not in answer.json()
    assert answer.status_code == intruder.post("commands/", body | {"payload": {"session_id": NOTHING}}).status_code


def test_a_command_for_operators_is_unknown_over_rest(charlie_api: Caller) -> None:
    for name in (name for name, (kind, _) in COMMANDS.items() if kind == "staff"):
        problem(charlie_api.post("commands/", {"name": name, "payload": COMMANDS[name][1]}), 422, "unknown-command")


def test_a_key_of_somebody_else_is_ones_own_key(api: Caller, bob_api: Caller) -> None:
    first = api.post("sessions/", {"title": "t"}, idempotency_key="k").json()["id"]
    second = bob_api.post("sessions/", {"title": "t"}, idempotency_key="k").json()["id"]
    assert first != second


@pytest.mark.parametrize(("method", "path", "body"), calls(PAGES, "owned") + calls(PAGES, "list"))
def test_a_page_sends_strangers_to_the_login(
    stranger_api: Caller, hers: Property, method: str, path: str, body: Any
) -> None:
    answer = stranger_api.client.generic(method, "/" + hers.at(path))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")
    assert hers.written() == hers.before


@pytest.mark.parametrize(("method", "path", "body"), calls(PAGES, "owned"))
def test_a_page_of_somebody_else_is_not_found_like_one_of_nothing(
    intruder: Caller, hers: Property, method: str, path: str, body: Any
) -> None:
    send = intruder.client.post if method == "POST" else intruder.client.get
    there, nothing = (send("/" + at(path), body or {}) for at in (hers.at, hers.of_nothing))
    assert there.status_code == nothing.status_code == 404
    assert there.content == nothing.content
    assert hers.written() == hers.before


def test_the_page_of_sessions_shows_ones_own_only(intruder: Caller, hers: Property) -> None:
    shown = intruder.client.get("/sessions/")
    assert shown.status_code == 200
    assert b"private" not in shown.content


def test_the_front_for_openai_clients_asks_strangers_for_a_key(stranger_api: Caller, hers: Property) -> None:
    for path, route in OPENAI.items():
        for method, body in route.calls:
            answer = stranger_api.call(method, "/openai/v1/" + path.replace("<path:name>", "echo"), body)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
    assert hers.written() == hers.before


def test_the_front_finds_somebody_elses_session_no_more_than_one_that_is_not(intruder: Caller, hers: Property) -> None:
    body = OPENAI["chat/completions"].calls[0][1]
    for named in ({"session_id": "*"}, {"metadata": {"session_id": "*"}}):
        there, nothing = (
            intruder.post("/openai/v1/chat/completions", json.loads(json.dumps(body | named).replace("*", ident)))
            for ident in (hers.session, NOTHING)
        )
        assert there.status_code == 404
        assert there.json()["error"]["code"] == "not_found"
        assert there.content.decode().replace(hers.session, NOTHING) == nothing.content.decode()
    assert hers.written() == hers.before
