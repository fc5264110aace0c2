"""The pages of graphs: who sees what, what they contain, and that the scripts know the server's words."""

import json
import re
from html import unescape
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bus.registry import default
from sessions_app import commands
from sessions_app.models import Graph, GraphNode
from sessions_app.orchestration.spec import NodeState, Totals
from sessions_app.pages.graphs import GRAPHS
from tests.graphs import node, start
from tests.graphs import story as told
from tests.story import Story
from tests.web.browser import shown

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "parley"


def list_of(story: Story) -> str:
    return f"/sessions/{story.id}/graphs/"


def page_of(graph: Graph) -> str:
    return f"/sessions/{graph.session_id}/graphs/{graph.id}/"


@pytest.fixture
def story(alice: User) -> Story:
    """A session whose model answers at once."""
    return told(alice)


@pytest.fixture
def graph(story: Story) -> Graph:
    """Two nodes: one at work, one that waits for it."""
    return start(story, node("first"), node("then", "first"), name="<Plans>")


# -- the list ----------------------------------------------------------------------------------------------------------


def test_the_session_leads_to_its_graphs_and_they_to_each(alice_client: Client, story: Story, graph: Graph) -> None:
    assert f'href="{list_of(story)}"' in shown(alice_client, f"/sessions/{story.id}/")
    page = shown(alice_client, list_of(story))
    assert f'href="{page_of(graph)}"' in page
    assert "&lt;Plans&gt;" in page
    assert '<span class="state" data-state="running">running</span> · 0/2 done' in page
    assert f'data-graphs-url="/api/v1/sessions/{story.id}/graphs/"' in page


def test_a_session_without_graphs_says_so_and_offers_to_begin_one(alice_client: Client, story: Story) -> None:
    page = shown(alice_client, list_of(story))
    assert "No graphs yet." in page
    assert "<textarea" in page


def test_the_list_of_graphs_turns_pages_newest_first(
    alice_client: Client, story: Story, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(GRAPHS + 2):
        start(story, node("only"))
    with django_assert_max_num_queries(5):  # login session, user, session, graphs, prompts
        first = shown(alice_client, list_of(story))
    older = re.search(r'rel="next" href="(\?before=[^"]+)"', first)
    assert older is not None
    second = shown(alice_client, list_of(story) + older[1])
    linked = [found for page in (first, second) for found in re.findall(r'/graphs/([0-9a-f-]{36})/"', page)]
    newest_first = Graph.objects.order_by("-started_at", "-id").values_list("id", flat=True)
    assert linked == [str(ident) for ident in newest_first]
    assert 'rel="next"' not in second


@pytest.mark.parametrize("before", ["nonsense", "0198f2c4-aaaa-7000-8000-00000000000a", "\x00", "9" * 5000, ""])
def test_a_key_that_is_no_graph_shows_the_first_page(
    alice_client: Client, graph: Graph, story: Story, before: str
) -> None:
    assert str(graph.id) in alice_client.get(list_of(story), {"before": before}).content.decode()


def test_a_graph_can_be_started_again_from_what_it_was(alice_client: Client, bob_client: Client, story: Story) -> None:
    first = node("first", variables={"x": [1]}, retry={"max_attempts": 2})
    first["prompt"] = {
        "user": "about </textarea>{{ x }}{{ y }}",
        "system": "Be brief.",
        "variables": first.pop("variables"),
    }
    then = node("then", "first", condition="'a' in nodes.first.output", join="any")
    then["prompt"] = {"name": "critique", "variables": {"text": "t"}}
    graph = start(story, first, then, name="<Plans>", max_parallel=2, variables={"y": "z"})
    assert f'href="{list_of(story)}?like={graph.id}"' in shown(alice_client, page_of(graph))
    page = shown(alice_client, f"{list_of(story)}?like={graph.id}")
    written = re.search(r"<textarea[^>]* data-graph>(.*?)</textarea>", page, re.DOTALL)
    assert written is not None
    body = json.loads(unescape(written[1]))
    answer = alice_client.post(f"/api/v1{list_of(story)}", body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    again = Graph.objects.get(id=answer.json()["id"])
    own = {"node_id", "dependencies"}
    kept = [
        [{k: v for k, v in row.spec.items() if k not in own} for row in one.nodes.order_by("index")]
        for one in (graph, again)
    ]
    assert kept[0] == kept[1]
    assert (again.name, again.max_parallel, again.variables) == (graph.name, graph.max_parallel, graph.variables)
    shown(bob_client, f"{list_of(story)}?like={graph.id}", 404)


@pytest.mark.parametrize("like", ["nonsense", "0198f2c4-aaaa-7000-8000-00000000000a", "%00"])
def test_what_is_no_graph_of_the_session_starts_nothing_like_it(alice_client: Client, story: Story, like: str) -> None:
    assert "Name a city by the sea." in shown(alice_client, f"{list_of(story)}?like={like}")


# -- one graph ---------------------------------------------------------------------------------------------------------


def test_the_page_names_the_version_it_shows_and_where_to_ask(alice_client: Client, story: Story, graph: Graph) -> None:
    page = shown(alice_client, page_of(graph))
    assert f'data-session="{story.id}" data-version="{story.events()[-1].version}"' in page
    assert f'data-graph-url="/api/v1/graphs/{graph.id}/"' in page
    assert page.count('role="status"') == 2
    assert "graph: 2 nodes, at most 4 at a time" in page


def test_without_our_script_the_nodes_are_a_list_that_leads_to_their_conversations(
    alice_client: Client, graph: Graph, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(5):  # login session, user, session, graph, nodes
        page = shown(alice_client, page_of(graph))
    first = GraphNode.objects.get(graph=graph, key="first")
    assert f'?conversation={first.conversation}">first</a>: <span class="state" data-state="running">running<' in page
    assert 'then: <span class="state" data-state="blocked">blocked<' in page
    shown(alice_client, f"/sessions/{graph.session_id}/?conversation={first.conversation}")


def test_a_graph_that_was_told_to_stop_says_so(alice_client: Client, story: Story, graph: Graph) -> None:
    story.tell(commands.CancelGraph, graph_id=graph.id)
    page = shown(alice_client, page_of(graph))
    expected = "cancelling" if Graph.objects.get(id=graph.id).state == "running" else "cancelled"
    assert f">{expected}</span>" in page


def test_an_unknown_cost_is_called_unknown(alice_client: Client, graph: Graph) -> None:
    assert "<dd data-cost>$0.0000</dd>" in shown(alice_client, page_of(graph))
    Graph.objects.filter(id=graph.id).update(cost=None)
    assert "<dd data-cost>unknown</dd>" in shown(alice_client, page_of(graph))


def test_graphs_of_others_and_of_other_sessions_are_not_found(
    alice: User, alice_client: Client, bob_client: Client, story: Story, graph: Graph
) -> None:
    other = told(alice)
    elsewhere = f"/sessions/{other.id}/graphs/{graph.id}/"
    bodies = {shown(bob_client, path, 404) for path in (list_of(story), page_of(graph), f"{list_of(story)}{uuid4()}/")}
    assert len(bodies) == 1
    assert shown(alice_client, elsewhere, 404) == shown(alice_client, f"/sessions/{other.id}/graphs/{uuid4()}/", 404)
    assert str(graph.id) not in shown(alice_client, list_of(other))


def test_the_pages_bring_no_inline_script_or_style(alice_client: Client, story: Story, graph: Graph) -> None:
    for path in (list_of(story), page_of(graph)):
        page = shown(alice_client, path)
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", page)
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_who_may_only_read_is_offered_nothing_to_begin_or_stop(
    bob_client: Client, bob: User, graph: Graph, story: Story
) -> None:
    story.tell(commands.ShareSession, username="bob", role="viewer")
    assert "data-begin" not in shown(bob_client, list_of(story))
    assert "data-action" not in shown(bob_client, page_of(graph))


# -- the scripts -------------------------------------------------------------------------------------------------------


def test_the_drawing_has_a_sign_and_a_colour_for_every_state() -> None:
    signs = re.search(r"export const SIGNS = \{(.*?)\n\};", (SCRIPTS / "drawing.js").read_text(), re.DOTALL)
    assert signs is not None
    assert set(re.findall(r"^  (\w+): \"M", signs[1], re.MULTILINE)) == set(get_args(NodeState))
    style = (SCRIPTS / "graph.css").read_text()
    assert set(re.findall(r'^\[data-state="(\w+)"\] \{ --state', style, re.MULTILINE)) == set(get_args(NodeState))


def test_the_live_page_knows_every_event_of_graphs_and_every_total() -> None:
    script = (SCRIPTS / "graph.js").read_text()
    known = {kind for kind in default.events if kind.startswith("graph-")}
    assert set(re.findall(r'^  "(graph-[a-z-]+)":', script, re.MULTILINE)) == known
    totals = re.search(r"const progressOf = \(\{(.*)\}\)", script)
    assert totals is not None
    assert set(re.findall(r"([a-z]+)(?: =|,)", totals[1])) == set(Totals.__struct_fields__)


def test_the_buttons_are_addresses_below_the_graph(alice_client: Client, graph: Graph) -> None:
    actions = re.findall(r'data-action="(\w+)"', shown(alice_client, page_of(graph)))
    assert actions == ["cancel", "retry"]
    statuses = [
        alice_client.post(f"/api/v1/graphs/{graph.id}/{action}/", {}, content_type="application/json").status_code
        for action in actions
    ]
    assert statuses[0] == 200
    assert statuses[1] in (200, 409)


def test_the_conversations_of_nodes_are_not_among_those_to_change_to(
    alice_client: Client, story: Story, graph: Graph
) -> None:
    node = graph.nodes.first()
    assert node is not None
    page = shown(alice_client, f"/sessions/{story.id}/")
    assert f"conversation={node.conversation}" not in page
    assert shown(alice_client, f"/sessions/{story.id}/?conversation={node.conversation}")
