"""Graphs over the real log and rows: order, limits, failures, retries, cancels; each ends with a replay."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from bus.exceptions import BusError
from bus.models import Work
from sessions_app import commands
from sessions_app.models import Conversation, Graph, GraphNode, Message, Run
from sessions_app.orchestration import leftovers
from sessions_app.orchestration.spec import NodeSpec
from sessions_app.orchestration.steps import Step
from sessions_app.values import ConfigPatch, text_of, to_content
from tests.graphs import node, one, start, states, story, work_off
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def output(node: GraphNode) -> str:
    assert node.message is not None
    return text_of(to_content(Message.objects.get(id=node.message).content))


def of(graph: Graph, key: str) -> GraphNode:
    return GraphNode.objects.get(graph=graph, key=key)


def test_a_diamond_hands_outputs_on(alice: User) -> None:
    told = story(alice)
    last = "{{ nodes.b.output }} and {{ nodes.c.output }}"
    graph = start(
        told,
        node("a"),
        node("b", "a"),
        node("c", "a", prompt="{{ nodes.a.output }}!"),
        node("d", "b", "c", prompt=last),
    )
    ended = work_off(graph)
    assert ended.state == "succeeded"
    assert set(states(ended).values()) == {"succeeded"}
    assert output(of(ended, "c")) == "[echo] [echo] do a!"
    assert output(of(ended, "d")) == "[echo] [echo] a:\n\n[echo] do a\n\n---\n\ndo b and [echo] [echo] do a!"
    assert (ended.done, ended.total, ended.running, ended.failed) == (4, 4, 0, 0)
    assert ended.tokens > 0
    assert ended.cost == 0
    assert_replay_rebuilds_the_same_rows()


def test_each_node_has_a_conversation_and_one_run(alice: User) -> None:
    told = story(alice)
    graph = work_off(start(told, node("a"), node("b", "a")))
    rows = list(graph.nodes.order_by("index"))
    assert len({row.run for row in rows} | {row.conversation for row in rows}) == 4
    conversation = Conversation.objects.get(session=told.id, id=str(rows[1].conversation))
    assert conversation.metadata["node"] == "b"
    assert Run.objects.get(id=str(rows[1].run)).metadata["graph_id"] == str(graph.id)


def test_no_more_run_at_once_than_may(alice: User) -> None:
    told = story(alice)
    graph = start(told, *(node(f"n{i}") for i in range(5)), max_parallel=2)
    assert Run.objects.filter(session=told.id).count() == 2
    assert list(states(graph).values()).count("ready") == 3
    assert one()
    assert GraphNode.objects.filter(graph=graph, state="running").count() == 2
    assert work_off(graph).state == "succeeded"


def test_a_wide_graph_begins_in_several_steps(alice: User) -> None:
    told = story(alice)
    graph = start(told, *(node(f"n{i}") for i in range(40)), max_parallel=40)
    assert GraphNode.objects.filter(graph=graph, state="running").count() == 16
    assert work_off(graph).state == "succeeded"
    assert_replay_rebuilds_the_same_rows()


def test_a_condition_chooses_the_way(alice: User) -> None:
    told = story(alice)
    graph = start(
        told,
        node("ask", prompt="yes"),
        node("if_yes", "ask", condition="'yes' in nodes.ask.output"),
        node("if_no", "ask", condition="'no' in nodes.ask.output"),
        node("end", "if_yes", "if_no", join="any"),
    )
    ended = work_off(graph)
    assert states(ended) == {"ask": "succeeded", "if_yes": "succeeded", "if_no": "skipped", "end": "succeeded"}
    assert ended.state == "succeeded"
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize(
    ("policy", "expected", "outcome"),
    [("fail", "failed", "failed"), ("skip", "skipped", "failed"), ("run", "succeeded", "succeeded")],
)
def test_what_a_failure_means_to_those_that_wait(alice: User, policy: str, expected: str, outcome: str) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = work_off(start(told, node("bad"), node("next", "bad", on_dependency_failure=policy), node("beside")))
    assert states(graph) == {"bad": "failed", "next": expected, "beside": "succeeded"}
    assert graph.state == outcome
    assert GraphNode.objects.get(graph=graph, key="bad").code == "refused"
    assert_replay_rebuilds_the_same_rows()


def test_a_failed_node_is_tried_again_as_often_as_it_says(alice: User) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = work_off(start(told, node("bad", retry={"max_attempts": 3, "backoff": 0})))
    row = GraphNode.objects.get(graph=graph)
    assert (row.state, row.attempt) == ("failed", 3)
    assert Run.objects.filter(session=told.id).count() == 3
    assert_replay_rebuilds_the_same_rows()


def test_other_failures_than_those_named_are_not_tried_again(alice: User) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = work_off(start(told, node("bad", retry={"max_attempts": 3, "backoff": 0, "on": ["timeout"]})))
    assert GraphNode.objects.get(graph=graph).attempt == 1


def test_only_what_failed_is_run_again(alice: User) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = work_off(start(told, node("good"), node("bad", "good"), node("next", "bad")))
    assert graph.state == "failed"
    told.tell(commands.UpdateSession, config=ConfigPatch(provider_options={"error": None}))
    told.tell(commands.RetryGraph, graph_id=graph.id)
    again = work_off(graph)
    assert again.state == "succeeded"
    assert (again.done, again.failed) == (3, 0)
    good = GraphNode.objects.get(graph=graph, key="good")
    assert Run.objects.filter(conversation_id=str(good.conversation)).count() == 1
    assert_replay_rebuilds_the_same_rows()


def test_a_cancel_ends_everything(alice: User) -> None:
    told = story(alice)
    graph = start(told, *(node(f"n{i}") for i in range(4)), node("last", "n0"), max_parallel=2)
    told.tell(commands.CancelGraph, graph_id=graph.id)
    row = Graph.objects.get(id=graph.id)
    assert row.state == "cancelled"
    assert set(states(row).values()) == {"cancelled"}
    assert not Run.objects.filter(session=told.id).exclude(state="cancelled").exists()
    with pytest.raises(BusError) as refused:
        told.tell(commands.CancelGraph, graph_id=graph.id)
    assert refused.value.code == "graph-ended"
    assert_replay_rebuilds_the_same_rows()


def test_a_prompt_may_depend_on_earlier_ones(alice: User) -> None:
    told = story(alice)
    first = told.tell(commands.ExecutePrompt, prompt="one").data["id"]
    second = told.tell(commands.ExecutePrompt, prompt="two", dependencies=[str(first)]).data["id"]
    assert GraphNode.objects.get(id=second).state == "blocked"
    work_off(GraphNode.objects.get(id=second).graph_id)
    assert GraphNode.objects.get(id=first).state == "succeeded"
    assert output(GraphNode.objects.get(id=second)) == "[echo] prompt:\n\n[echo] one\n\n---\n\ntwo"
    third = told.tell(commands.ExecuteParallel, prompts=["x", "y"], dependencies=[str(second)]).data
    assert work_off(third["id"]).state == "succeeded"
    assert_replay_rebuilds_the_same_rows()


def test_a_dry_run_orders_and_estimates_and_records_nothing(alice: User) -> None:
    told = story(alice)
    before = told.types()
    plan = told.tell(
        commands.StartGraph,
        nodes=msgspec.convert([node("b", "a"), node("a"), node("c", "a", "b")], list[NodeSpec]),
        dry_run=True,
    ).data
    assert [(one["key"], one["step"]) for one in plan["nodes"]] == [("a", 1), ("b", 2), ("c", 3)]
    assert plan["tokens"] > 0
    assert told.types() == before


def test_a_step_that_fails_keeps_no_run_from_ending_and_is_made_up_for(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story(alice)
    graph = start(told, node("a"), node("b", "a"))
    with monkeypatch.context() as broken:
        broken.setattr(Step, "run_ended", lambda *_: 1 / 0)
        assert one()
    first = of(graph, "a")
    assert Run.objects.get(id=str(first.run)).state == "completed"
    assert (first.state, of(graph, "b").state) == ("running", "blocked")
    Work.objects.filter(name="advance-graph").delete()  # what it left to a worker is lost as well
    Graph.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    leftovers.prune()
    assert work_off(graph).state == "succeeded"


def test_who_waits_for_another_graph_is_not_looked_after(alice: User) -> None:
    told = story(alice)
    first = told.tell(commands.ExecutePrompt, prompt="one").data["id"]
    told.tell(commands.ExecutePrompt, prompt="two", dependencies=[str(first)])
    Graph.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    before = Work.objects.count()
    leftovers.prune()
    assert Work.objects.count() == before


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a cycle": ([node("a", "b"), node("b", "a")], "in a circle: "),
    "itself": ([node("a", "a")], "in a circle: a → a"),
    "twice the same key": ([node("a"), node("a")], "Two nodes are called 'a'"),
    "an unknown dependency": ([node("a", "z")], "'z' is neither a node"),
    "a node it does not depend on": ([node("a"), node("b", prompt="{{ nodes.a.output }}")], "does not depend on"),
    "a variable that is not given": ([node("a", prompt="{{ topic }}")], "'topic' is not given"),
    "a quorum of too many": ([node("a"), node("b", "a", join=2)], "2 dependencies must succeed"),
    "too many nodes": ([node(f"n{i}") for i in range(1001)], "at most 1000 nodes"),
    "an empty prompt": ([node("a", prompt="")], "a name or a user part"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_run_is_refused_with_the_reason(alice: User, what: str) -> None:
    told: Story = story(alice)
    nodes, reason = REFUSED[what]
    with pytest.raises(BusError, match=reason):
        start(told, *nodes)
    assert not Graph.objects.exists()
