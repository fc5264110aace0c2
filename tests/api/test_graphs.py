"""`sessions/{id}/graphs/`, `graphs/{id}/…`, `nodes/{id}/`, and the history of nodes."""

from typing import Any
from uuid import UUID

import pytest

from tests.api.caller import Caller, problem
from tests.graphs import work_off
from tests.story import assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)

DIAMOND = [
    {"key": "a", "prompt": "begin"},
    {"key": "b", "prompt": "left", "dependencies": ["a"]},
    {"key": "c", "prompt": "right", "dependencies": ["a"]},
    {"key": "d", "prompt": "{{ nodes.b.output }} {{ nodes.c.output }}", "dependencies": ["b", "c"]},
]


@pytest.fixture
def quick(api: Caller) -> str:
    """A session whose model answers at once."""
    return api.session(config={"provider": "echo", "model": "echo", "provider_options": {"delay": 0}})


def begin(api: Caller, session: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"sessions/{session}/graphs/", body)
    assert answer.status_code == 202, answer.content
    graph: dict[str, Any] = answer.json()
    assert answer["Location"].endswith(f"/api/v1/graphs/{graph['id']}/")
    return graph


def states(graph: dict[str, Any]) -> dict[str, str]:
    return {node["key"]: node["state"] for node in graph["nodes"]}


def test_a_graph_is_started_and_read_node_by_node(api: Caller, quick: str) -> None:
    graph = begin(api, quick, nodes=DIAMOND, name="diamond", max_parallel=2)
    assert states(graph) == {"a": "running", "b": "blocked", "c": "blocked", "d": "blocked"}
    assert graph["progress"] == {
        "done": 0,
        "total": 4,
        "running": 1,
        "failed": 0,
        "tokens": 0,
        "cost": "0",
        "eta_seconds": None,
    }
    work_off(graph["id"])
    ended = api.get(f"graphs/{graph['id']}/").json()
    assert ended["state"] == "succeeded"
    assert set(states(ended).values()) == {"succeeded"}
    last = api.get(f"nodes/{ended['nodes'][3]['id']}/").json()
    assert last == ended["nodes"][3]
    shown = api.get(f"sessions/{quick}/messages/?conversation={last['conversation_id']}").json()["data"]
    assert [message["role"] for message in shown] == ["user", "assistant"]
    assert_replay_rebuilds_the_same_rows()


def test_the_list_has_graphs_newest_first_without_nodes(api: Caller, quick: str) -> None:
    ids = [begin(api, quick, prompt="x", metadata={"n": n})["id"] for n in range(3)]
    page = api.get(f"sessions/{quick}/graphs/?limit=2").json()
    assert [graph["id"] for graph in page["data"]] == ids[:0:-1]
    assert page["has_more"]
    assert "nodes" not in page["data"][0]
    assert api.get(f"sessions/{quick}/graphs/?state=failed").json()["data"] == []
    problem(api.get(f"sessions/{quick}/graphs/?state=odd"), 422, "validation-failed")


def test_a_dry_run_says_the_order_and_starts_nothing(api: Caller, quick: str) -> None:
    answer = api.post(f"sessions/{quick}/graphs/", {"nodes": DIAMOND, "dry_run": True})
    assert answer.status_code == 200
    plan = answer.json()
    assert [(node["key"], node["step"]) for node in plan["nodes"]] == [("a", 1), ("b", 2), ("c", 2), ("d", 3)]
    assert (plan["steps"], plan["cost"]) == (3, "0")
    assert api.get(f"sessions/{quick}/graphs/").json()["data"] == []


def test_a_parallel_group_and_a_prompt_are_graphs(api: Caller, quick: str) -> None:
    group = begin(api, quick, prompts=["one", {"user": "two"}], max_parallel=1)
    assert (group["kind"], list(states(group).values())) == ("parallel", ["running", "ready"])
    single = begin(api, quick, prompt={"name": "summarize", "variables": {"text": "long"}}, dependencies=[])
    assert (single["kind"], single["nodes"][0]["prompt"], single["nodes"][0]["key"]) == (
        "prompt",
        "summarize",
        "summarize",
    )
    assert work_off(group["id"]).state == "succeeded"
    assert work_off(single["id"]).state == "succeeded"


def test_the_same_key_starts_one_graph(api: Caller, quick: str) -> None:
    answers = [
        api.post(f"sessions/{quick}/graphs/", {"nodes": DIAMOND}, idempotency_key="once").json() for _ in range(3)
    ]
    assert len({answer["id"] for answer in answers}) == 1


def test_a_graph_is_cancelled_and_what_did_not_run_is_run_again(api: Caller, quick: str) -> None:
    graph = begin(api, quick, nodes=DIAMOND)
    cancelled = api.post(f"graphs/{graph['id']}/cancel/", {})
    assert cancelled.status_code == 200
    assert cancelled.json()["state"] == "cancelled"
    problem(api.post(f"graphs/{graph['id']}/cancel/", {}), 409, "graph-ended")
    again = api.post(f"graphs/{graph['id']}/retry/", {}).json()
    assert states(again) == {"a": "running", "b": "blocked", "c": "blocked", "d": "blocked"}
    problem(api.post(f"graphs/{graph['id']}/retry/", {}), 409, "graph-not-ready")
    assert work_off(graph["id"]).state == "succeeded"
    problem(api.post(f"graphs/{graph['id']}/retry/", {"nodes": ["z"]}), 422, "validation-failed")
    problem(api.post(f"graphs/{graph['id']}/retry/", {"nodes": ["a"]}), 409, "graph-not-ready")
    assert_replay_rebuilds_the_same_rows()


def test_the_history_of_a_node_goes_along_its_dependencies(api: Caller, quick: str) -> None:
    graph = begin(api, quick, nodes=DIAMOND)
    work_off(graph["id"])
    last = graph["nodes"][3]["id"]
    flat = api.get(f"sessions/{quick}/history/?node={last}").json()["data"]
    assert [one["node"]["key"] for one in flat] in (["a", "b", "c", "d"], ["a", "c", "b", "d"])
    assert flat[0]["node"]["output"] == "[echo] begin"
    near = api.get(f"sessions/{quick}/history/?node={last}&max_depth=1").json()["data"]
    assert {one["node"]["key"] for one in near} == {"b", "c", "d"}
    tree = api.get(f"sessions/{quick}/history/?node={last}&shape=tree").json()
    assert tree["node"]["key"] == "d"
    assert {one["node"]["key"] for one in tree["dependencies"]} == {"b", "c"}


def test_what_rest_tells_is_told_by_commands_too(api: Caller, quick: str) -> None:
    graph = begin(api, quick, nodes=DIAMOND)
    work_off(graph["id"])
    kept = api.post(f"sessions/{quick}/artifacts/", {"name": "x", "data": [1]}).json()

    def asked(name: str, **payload: Any) -> Any:
        answer = api.post("commands/", {"name": name, "payload": {"session_id": quick, **payload}})
        assert answer.status_code == 200, answer.content
        return answer.json()["data"]

    last = graph["nodes"][3]["id"]
    assert asked("get-execution-status", execution_id=graph["id"]) == api.get(f"graphs/{graph['id']}/").json()
    assert asked("get-execution-status", execution_id=last) == api.get(f"nodes/{last}/").json()
    listed = api.get(f"sessions/{quick}/history/?node={last}").json()["data"]
    assert asked("get-conversation-history", node_id=last) == listed
    tree = api.get(f"sessions/{quick}/history/?node={last}&shape=tree").json()
    assert asked("get-conversation-history", node_id=last, shape="tree") == tree
    assert asked("get-artifact", artifact_id=kept["id"]) == kept
    assert asked("list-artifacts") == [kept]


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([{"key": "a", "prompt": "x", "dependencies": ["b"]}, {"key": "b", "prompt": "x", "dependencies": ["a"]}], "→"),
        ([{"key": f"n{n}", "prompt": "x"} for n in range(1001)], "at most 1000 nodes"),
        ([{"key": "a", "prompt": '{% include "nobody" %}'}], "no prompt 'nobody'"),
    ],
)
def test_a_graph_that_cannot_run_is_refused_with_the_reason(
    api: Caller, quick: str, nodes: list[dict[str, Any]], said: str
) -> None:
    document = problem(api.post(f"sessions/{quick}/graphs/", {"nodes": nodes}), 422, "validation-failed")
    assert said in document["detail"]


def test_a_node_cannot_depend_on_somebody_elses(api: Caller, bob_api: Caller, quick: str) -> None:
    node = begin(api, quick, prompt="private")["nodes"][0]["id"]
    theirs = bob_api.session()
    document = problem(
        bob_api.post(f"sessions/{theirs}/graphs/", {"prompt": "x", "dependencies": [node]}), 422, "validation-failed"
    )
    assert "neither a node" in document["detail"]
    assert UUID(node)
