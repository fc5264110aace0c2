"""What must not stop a graph, let alone a run or a worker: other people's runs, odd outputs, crowds of dependents."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from bus.models import Work
from bus.work import runner
from sessions_app import commands
from sessions_app.models import Graph, GraphNode, Message, Run
from sessions_app.values import text_of, to_content
from tests.graphs import node, one, start, states, story, work_off
from tests.runs import do
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def of(graph: Graph, key: str) -> GraphNode:
    return GraphNode.objects.get(graph=graph, key=key)


def prompt(told: Story, text: str, *dependencies: Any, **more: Any) -> UUID:
    ids = [str(one) for one in dependencies]
    return UUID(str(told.tell(commands.ExecutePrompt, prompt=text, dependencies=ids, **more).data["id"]))


def test_somebody_elses_run_in_a_nodes_conversation_goes_before_its_next_try(alice: User) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = start(told, node("bad", retry={"max_attempts": 2, "backoff": 0}))
    told.tell(commands.RequestRun, input="hello", conversation_id=of(graph, "bad").conversation)
    assert work_off(graph).state == "failed"
    assert of(graph, "bad").attempt == 2
    ended = Run.objects.filter(session=told.id).order_by("finished_at").values_list("state", flat=True)
    assert list(ended) == ["failed", "completed", "failed"]
    assert_replay_rebuilds_the_same_rows()


def test_many_may_wait_for_the_same_prompt(alice: User) -> None:
    told = story(alice)
    first = prompt(told, "one")
    others = [prompt(told, "two", first) for _ in range(12)]
    do(GraphNode.objects.get(id=first).run)  # type: ignore[arg-type]
    assert GraphNode.objects.get(id=first).state == "succeeded"
    for other in others:
        assert work_off(GraphNode.objects.get(id=other).graph_id).state == "succeeded"
    assert_replay_rebuilds_the_same_rows()


def test_many_who_wait_for_what_is_cancelled_are_told(alice: User) -> None:
    told = story(alice)
    first = prompt(told, "one")
    others = [GraphNode.objects.get(id=prompt(told, "two", first)).graph_id for _ in range(12)]
    told.tell(commands.CancelGraph, graph_id=GraphNode.objects.get(id=first).graph_id)
    for other in others:
        assert work_off(other).state == "failed"


def test_a_crowd_is_cancelled_in_several_steps(alice: User) -> None:
    told = story(alice)
    graph = start(told, *(node(f"n{number}") for number in range(40)), max_parallel=40)
    while GraphNode.objects.filter(graph=graph, state="ready").exists():
        advance = Work.objects.get(name="advance-graph", state="queued")
        assert runner.run(advance.id)
    told.tell(commands.CancelGraph, graph_id=graph.id)
    assert set(states(graph).values()) == {"cancelled", "running"}
    assert runner.run(Work.objects.get(name="advance-graph", state="queued").id)
    assert Graph.objects.get(id=graph.id).state == "cancelled"
    assert not Run.objects.filter(session=told.id).exclude(state="cancelled").exists()
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize("said", ['{"x": "a\\u0000b"}', '{"x": "a\\ud800b"}'])
def test_an_output_that_cannot_be_stored_again_is_made_storable(alice: User, said: str) -> None:
    told = story(alice, text=said.replace("[echo] ", ""))
    graph = start(
        told, node("s"), node("b", "s", prompt="{{ nodes.s.output }}"), node("c", "s", prompt='{{ "\\ud800" }}')
    )
    assert work_off(graph).state == "succeeded"


def test_json_in_an_output_is_no_more_than_what_can_be_stored(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.llm.providers.echo.LABEL", "")
    told = story(alice, text='{"x": "a\\u0000b"}')
    graph = work_off(start(told, node("s"), node("b", "s", prompt="it says {{ nodes.s.json.x }}")))
    assert graph.state == "succeeded"
    asked = Message.objects.get(conversation_id=str(of(graph, "b").conversation), role="user")
    assert text_of(to_content(asked.content)) == "it says a\ufffdb"


def test_deep_json_is_none(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.llm.providers.echo.LABEL", "")
    told = story(alice, text="[" * 5000 + "]" * 5000)
    graph = start(told, node("s"), node("b", "s", condition="nodes.s.json is none", prompt="deep"))
    assert work_off(graph).state == "succeeded"


def test_what_was_used_before_a_cancel_is_counted(alice: User) -> None:
    told = story(alice, error="rate-limited", fail=1, permanent=False)
    graph = start(told, node("a"))
    run = of(graph, "a").run
    assert run is not None
    do(run)
    assert Run.objects.get(id=run).state == "queued", "it waits for its next try"
    told.tell(commands.CancelGraph, graph_id=graph.id)
    row = Graph.objects.get(id=graph.id)
    used = Run.objects.get(id=run)
    assert row.state == "cancelled"
    assert row.tokens == (used.prompt_tokens or 0) + (used.completion_tokens or 0) > 0


def test_a_graph_that_is_run_again_has_all_its_tries(alice: User) -> None:
    told = story(alice, error="refused", only="do bad")
    graph = work_off(start(told, node("bad", retry={"max_attempts": 2, "backoff": 0})))
    told.tell(commands.RetryGraph, graph_id=graph.id)
    work_off(graph)
    assert Run.objects.filter(session=told.id).count() == 4


def test_a_prompt_may_depend_on_several_of_one_name(alice: User) -> None:
    told = story(alice)
    first, second = prompt(told, "one"), prompt(told, "two")
    last = prompt(told, "{{ nodes.prompt.output }} + {{ nodes.prompt_2.output }}", first, second)
    work_off(GraphNode.objects.get(id=last).graph_id)
    message = Message.objects.get(id=str(GraphNode.objects.get(id=last).message))
    assert text_of(to_content(message.content)) == "[echo] [echo] one + [echo] two"


@override_settings(GRAPH_MOST_RUNNING=1)
def test_a_graph_without_a_place_in_the_server_looks_again_by_one_command(alice: User) -> None:
    told = story(alice)
    start(told, node("first"))
    graph = start(told, node("a"), node("b"), node("c"))
    waiting = Work.objects.filter(name="advance-graph", state="queued")
    assert set(states(graph).values()) == {"ready"}
    assert waiting.count() == 1
    assert one()
    Work.objects.filter(name="advance-graph").update(run_after="2020-01-01T00:00Z")
    assert work_off(graph).state == "succeeded"


def test_a_graphs_variables_are_recorded_once(alice: User) -> None:
    told = story(alice)
    nodes = [node(f"n{number}", prompt="{{ topic }}") for number in range(20)]
    start(told, *nodes, variables={"topic": "x" * 10_000})
    (recorded,) = (event for event in told.events() if event.type == "graph-started")
    assert len(bytes(recorded.data)) < 30_000
