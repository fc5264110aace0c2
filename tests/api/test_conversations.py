"""`sessions/{id}/conversations/`, messages said or answered again, and `history/`."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from bus.messages import SYSTEM
from sessions_app import commands
from sessions_app.models import Message
from tests.api.caller import Caller, problem, recorded
from tests.runs import do
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import shown

MEMBERS = {
    *("id", "session_id", "name", "parent_id", "forked_at", "is_main", "is_archived", "metadata", "created_at"),
}


def begin(api: Caller, session: str, **body: Any) -> dict[str, Any]:
    """A conversation that was begun."""
    answer = api.post(f"sessions/{session}/conversations/", body)
    assert answer.status_code == 201, answer.content
    begun: dict[str, Any] = answer.json()
    assert answer["Location"].endswith(f"/sessions/{session}/conversations/{begun['id']}/")
    return begun


def texts(answer: Any) -> list[str]:
    """What a list of messages says."""
    return [message["content"][0]["text"] for message in answer.json()["data"]]


def test_a_conversation_is_started_read_and_listed(api: Caller, session: str) -> None:
    begun = begin(api, session, name="aside", input="hello", metadata={"a": 1})
    assert begun.keys() == MEMBERS | {"message_id"}
    shown = api.get(f"sessions/{session}/conversations/{begun['id']}/")
    assert shown.json().keys() == MEMBERS
    assert (shown.json()["name"], shown.json()["parent_id"], shown.json()["metadata"]) == ("aside", None, {"a": 1})
    listed = api.get(f"sessions/{session}/conversations/").json()["data"]
    assert [(row["name"], row["is_main"]) for row in listed] == [("main", True), ("aside", False)]
    assert texts(api.get(f"sessions/{session}/messages/?conversation={begun['id']}")) == ["hello"]
    assert texts(api.get(f"sessions/{session}/messages/")) == []


def test_the_list_turns_pages(api: Caller, session: str) -> None:
    names = ["main", *(begin(api, session, name=f"n{number}")["name"] for number in range(4))]
    found, path = [], f"sessions/{session}/conversations/?limit=2"
    while path:
        page = api.get(path).json()
        found += [row["name"] for row in page["data"]]
        cursor = page["next_cursor"]
        path = f"sessions/{session}/conversations/?limit=2&cursor={cursor}" if cursor else ""
    assert found == names


def test_a_fork_shows_the_shared_messages_under_their_own_conversation(api: Caller, session: str) -> None:
    first = api.say(session, "one")["id"]
    api.say(session, "two")
    begun = begin(api, session, message_id=first, input="other", id=str(uuid4()))
    assert (begun["name"], begun["parent_id"], begun["forked_at"]) == ("Fork 1", session, 2)
    listed = api.get(f"sessions/{session}/messages/?conversation={begun['id']}&order=desc&limit=1")
    assert texts(listed) == ["other"]
    listed = api.get(f"sessions/{session}/messages/?conversation={begun['id']}")
    assert texts(listed) == ["one", "other"]
    assert [row["conversation_id"] for row in listed.json()["data"]] == [session, begun["id"]]
    plan = api.get(f"sessions/{session}/context/plan/?conversation={begun['id']}").json()
    assert [row["id"] for row in plan["messages"]] == [first, begun["message_id"]]


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_made_again_and_a_message_said_again(api: Caller, session: str) -> None:
    said = api.say(session, "hello", answer=True)
    answer = do(said["answer_run_id"]).message
    again = api.post(f"sessions/{session}/messages/{answer}/regenerate/", {}, idempotency_key="k")
    assert again.status_code == 201
    assert again.json().keys() == MEMBERS | {"run_id"}
    repeated = api.post(f"sessions/{session}/messages/{answer}/regenerate/", {}, idempotency_key="k").json()
    assert repeated["run_id"] == again.json()["run_id"]
    do(again.json()["run_id"])
    edited = api.post(
        f"sessions/{session}/messages/{said['id']}/edit/", {"content": "good day", "name": "polite"}
    ).json()
    assert edited.keys() == MEMBERS | {"run_id", "message_id"}
    do(edited["run_id"])
    listed = api.get(f"sessions/{session}/messages/?conversation={edited['id']}")
    assert texts(listed) == ["good day", "[echo] good day"]
    problem(api.post(f"sessions/{session}/messages/{answer}/edit/", {"content": "x"}), 422, "validation-failed")
    problem(api.post(f"sessions/{session}/messages/{said['id']}/regenerate/", {}), 422, "validation-failed")
    assert_replay_rebuilds_the_same_rows()


def test_renaming_and_archiving_name_the_version_they_change(api: Caller, session: str) -> None:
    begun = begin(api, session, name="aside")
    path = f"sessions/{session}/conversations/{begun['id']}/"
    problem(api.patch(path, {"name": "x"}), 428, "precondition-required")
    problem(api.patch(path, {"name": "x"}, if_match='"v1"'), 412, "precondition-failed")
    tag = api.get(path)["ETag"]
    changed = api.patch(path, {"name": "new", "is_archived": True}, if_match=tag)
    assert (changed.json()["name"], changed.json()["is_archived"], changed["ETag"]) == ("new", True, '"v3"')
    assert api.patch(path, {"name": "new"}, if_match=changed["ETag"])["ETag"] == '"v3"'
    listed = f"sessions/{session}/conversations/"
    assert [row["name"] for row in api.get(listed).json()["data"]] == ["main"]
    assert [row["name"] for row in api.get(f"{listed}?archived=true").json()["data"]] == ["new"]
    problem(api.get(f"{listed}?archived=yes"), 422, "validation-failed")
    before = recorded()
    refused = api.post(f"sessions/{session}/messages/", {"content": "x", "conversation_id": begun["id"]})
    problem(refused, 409, "conversation-archived")
    problem(api.patch(f"{listed}{session}/", {"is_archived": True}, if_match="*"), 422, "validation-failed")
    assert recorded() == before


# -- history -----------------------------------------------------------------------------------------------------------


def test_the_history_of_a_message_is_its_line_in_pages_or_as_a_tree(api: Caller, session: str) -> None:
    said = [api.say(session, text)["id"] for text in ("one", "two", "three")]
    begun = begin(api, session, message_id=said[1], input="other")
    api.say(session, "later")
    path = f"sessions/{session}/history/?node={begun['message_id']}"
    flat = api.get(path).json()["data"]
    assert [node["message"]["content"][0]["text"] for node in flat] == ["one", "two", "other"]
    assert [node["dependencies"] for node in flat] == [[], [said[0]], [said[1]]]
    assert [node["id"] for node in api.get(f"{path}&max_depth=1").json()["data"]] == [said[1], begun["message_id"]]
    page = api.get(f"{path}&limit=2")
    assert [node["id"] for node in page.json()["data"]] == said[:2]
    rest = api.get(f"{path}&limit=2&cursor={page.json()['next_cursor']}").json()
    assert ([node["id"] for node in rest["data"]], rest["has_more"]) == ([begun["message_id"]], False)
    tree = api.get(f"{path}&shape=tree&max_depth=1").json()
    assert (tree["id"], tree["dependencies"][0]["id"]) == (begun["message_id"], said[1])
    assert (tree["dependencies"][0]["dependencies"], tree["dependencies"][0]["more"]) == ([], [said[0]])


@pytest.mark.django_db(transaction=True)
def test_the_history_of_a_run_is_that_of_its_answer_or_of_what_it_is_to_answer(api: Caller, session: str) -> None:
    said = api.say(session, "one", answer=True)
    run = said["answer_run_id"]
    waiting = api.get(f"sessions/{session}/history/?node={run}").json()["data"]
    assert [(node["kind"], node["id"]) for node in waiting] == [("message", said["id"]), ("run", run)]
    Story(session, SYSTEM).tell(commands.StartRun, run_id=UUID(run))
    api.say(session, "said meanwhile")
    Story(session, SYSTEM).tell(commands.EndRun, run_id=UUID(run), outcome="completed", text="answer")
    answered = api.get(f"sessions/{session}/history/?node={run}").json()["data"]
    assert [node["message"]["content"][0]["text"] for node in answered] == ["one", "answer"]


def test_a_long_history_is_read_with_few_queries(api: Caller, session: str, django_assert_max_num_queries: Any) -> None:
    last = [api.say(session, str(number))["id"] for number in range(30)][-1]
    with django_assert_max_num_queries(12):
        assert len(api.get(f"sessions/{session}/history/?node={last}&limit=100").json()["data"]) == 30


@pytest.mark.parametrize(
    "query", ["", "node=x", "shape=round", "max_depth=501", "max_depth=-1", "shape=tree&max_depth=51", "cursor=WzldCg"]
)
def test_a_history_that_makes_no_sense_is_refused(api: Caller, session: str, query: str) -> None:
    node = f"node={api.say(session)['id']}&" if query and "node" not in query else ""
    problem(api.get(f"sessions/{session}/history/?{node}{query}"), 422, "validation-failed")


def test_the_history_of_nothing_is_not_found(api: Caller, session: str) -> None:
    other = api.say(api.session())["id"]
    for node in (uuid4(), other):
        problem(api.get(f"sessions/{session}/history/?node={node}"), 404, "not-found")


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_fork_and_the_way_to_the_others(
    api: Caller, bob_client: Client, alice_client: Client, session: str
) -> None:
    first = api.say(session, "one")["id"]
    assert "data-conversations hidden" in shown(alice_client, f"/sessions/{session}/")
    begun = begin(api, session, message_id=first, name="<aside>", input="only in the fork")
    api.say(session, "only in main")
    main = shown(alice_client, f"/sessions/{session}/")
    assert "data-conversations hidden" not in main
    assert f'href="/sessions/{session}/?conversation={begun["id"]}"' in main
    assert "&lt;aside&gt;" in main
    assert "only in the fork" not in main.split('role="log"')[1]
    page = shown(alice_client, f"/sessions/{session}/?conversation={begun['id']}")
    assert "only in the fork" in page
    assert "only in main" not in page
    assert f'data-conversation="{begun["id"]}"' in page
    assert (page.count("data-shared"), page.count('data-begins="fork-conversation"')) == (1, 2)
    for wrong in ("x", str(uuid4()), begun["message_id"]):
        shown(alice_client, f"/sessions/{session}/?conversation={wrong}", 404)
    shown(bob_client, f"/sessions/{session}/?conversation={begun['id']}", 404)


def test_a_message_sent_without_our_script_goes_to_the_fork(api: Caller, alice_client: Client, session: str) -> None:
    begun = begin(api, session, name="aside")
    address = f"/sessions/{session}/?conversation={begun['id']}"
    answer = alice_client.post(address, {"content": "hello"})
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert str(Message.objects.get().conversation_id) == begun["id"]
    assert alice_client.post(f"/sessions/{session}/?conversation={uuid4()}", {"content": "x"}).status_code == 404


def test_in_the_fork_a_page_says_what_the_fork_knows(api: Caller, alice_client: Client, session: str) -> None:
    run, worker = api.say(session, "one", answer=True)["answer_run_id"], Story(session, SYSTEM)
    worker.tell(commands.StartRun, run_id=UUID(run))
    worker.tell(commands.EndRun, run_id=UUID(run), outcome="incomplete", text="half", reason="length")
    answer = api.get(f"runs/{run}/").json()["message_id"]
    begun = begin(api, session, message_id=answer)
    again = UUID(api.post(f"runs/{run}/retry/", {}).json()["id"])
    worker.tell(commands.StartRun, run_id=again)
    worker.tell(commands.EndRun, run_id=again, outcome="completed", text="whole")
    main = shown(alice_client, f"/sessions/{session}/")
    assert '<span class="mark">incomplete, replaced</span>' in main
    page = shown(alice_client, f"/sessions/{session}/?conversation={begun['id']}")
    assert '<span class="mark">incomplete</span>' in page
    assert 'data-command="retry-run"' not in page, "what became of the other's runs is told there"
