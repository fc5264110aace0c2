"""The walk along dependencies: of any nodes, and of messages."""

import tracemalloc
from collections.abc import Iterable
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django.asserts import assertNumQueries

from bus.exceptions import NotFound
from sessions_app import commands
from sessions_app.history import Node, all_shown, in_session, walk
from sessions_app.models import GraphNode
from sessions_app.values import text_of, to_content
from tests.conversations import fork, say
from tests.graphs import node, start
from tests.runs import ask, do, told
from tests.story import Story

DIAMOND = {1: (), 2: (1,), 3: (1, 2), 4: (3, 2), 5: (4,)}


def look(ident: UUID, steps: int) -> Iterable[Node]:
    """One node of the diamond at a time."""
    if ident.int not in DIAMOND:
        return []
    before = tuple(UUID(int=number) for number in DIAMOND[ident.int])
    return [Node(id=ident, kind="number", dependencies=before)]


def walked(start: int, depth: int) -> list[int]:
    """The numbers reached, in order."""
    return [ident.int for ident in walk(UUID(int=start), depth, [look])]


def texts(story: Story, message: UUID, depth: int = 50) -> list[str]:
    """What a message came from, and itself."""
    nodes = walk(message, depth, in_session(story.id)).values()
    return [text_of(to_content(row["message"]["content"])) for row in all_shown(nodes)]


@pytest.mark.parametrize(("depth", "reached"), [(0, [4]), (1, [2, 3, 4]), (2, [1, 2, 3, 4]), (9, [1, 2, 3, 4])])
def test_each_node_is_told_once_after_all_it_depends_on(depth: int, reached: list[int]) -> None:
    assert walked(4, depth) == reached


def test_what_nobody_knows_is_not_found_but_may_be_missing_on_the_way() -> None:
    with pytest.raises(NotFound):
        walked(9, 3)

    def half(ident: UUID, steps: int) -> Iterable[Node]:
        return look(ident, steps) if ident.int != 1 else []

    assert [ident.int for ident in walk(UUID(int=3), 5, [half])] == [2, 3]


@pytest.mark.django_db(transaction=True)
def test_an_answer_came_from_what_its_run_was_asked(alice: User) -> None:
    story = told(alice)
    first = do(ask(story, "one"))
    assert first.message is not None
    aside = fork(story, first.message)
    inside = say(story, "in the fork", conversation=aside)
    later = say(story, "two")
    again = do(UUID(str(story.tell(commands.RetryRun, run_id=first.id).data["id"])))
    assert again.message is not None
    assert texts(story, again.message) == ["one", "[echo] one"]
    assert texts(story, first.message) == ["one", "[echo] one"]
    assert texts(story, say(story, "three")) == ["one", "two", "[echo] one", "three"]
    assert texts(story, later) == ["one", "[echo] one", "two"], "the one that was there then"
    assert texts(story, inside) == ["one", "[echo] one", "in the fork"]


@pytest.mark.django_db
def test_the_length_of_a_history_is_no_matter_of_queries(story: Story) -> None:
    last = [say(story, str(number)) for number in range(12)][-1]
    with assertNumQueries(4):
        assert texts(story, last, 5) == ["6", "7", "8", "9", "10", "11"]
    with assertNumQueries(7):
        assert len(texts(story, last)) == 12


@pytest.mark.django_db
def test_of_what_is_not_shown_no_content_is_read(story: Story) -> None:
    last = [say(story, str(number) * 500_000) for number in range(10)][-1]
    tracemalloc.start()
    try:
        nodes = walk(last, 500, in_session(story.id))
        assert len(all_shown(list(nodes.values())[:1])) == 1
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
    assert len(nodes) == 10


@pytest.mark.django_db(transaction=True)
def test_nodes_are_walked_in_a_query_for_each_step_also_from_graph_to_graph(alice: User) -> None:
    story = told(alice)
    last = GraphNode.objects.get(graph=start(story, node("a")))
    for _ in range(3):
        last = GraphNode.objects.get(graph=start(story, node("b", str(last.id))))
    keys = [f"n{number}" for number in range(30)]
    fan = [node(key, str(last.id)) for key in keys]
    graph = start(story, *fan, node("z", *reversed(keys)))
    ids = dict(GraphNode.objects.filter(graph=graph).values_list("key", "id"))
    with assertNumQueries(3 + 6):
        nodes = walk(ids["z"], 40, in_session(story.id))
    assert len(nodes) == 1 + 30 + 4
    assert nodes[ids["z"]].dependencies == tuple(ids[key] for key in keys)
    assert nodes[ids["n1"]].dependencies == (last.id,)
    with assertNumQueries(3 + 2):
        assert len(walk(ids["z"], 1, in_session(story.id))) == 31
    assert set(walk(ids["n0"], 1, in_session(story.id))) == {ids["n0"], last.id}
    assert [row["node"]["key"] for row in all_shown([nodes[ids["z"]]])] == ["z"]
