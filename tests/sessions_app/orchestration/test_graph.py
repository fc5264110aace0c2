"""The rules of graphs: order, joins, failures, limits. Over generated graphs: nobody is stuck, early, or run twice."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.graph import Tally, verdict
from sessions_app.orchestration.spec import Join, NodeState, OnFailure
from tests.sessions_app.orchestration.machine import Machine, Plan, folded

ENDS: st.SearchStrategy[NodeState] = st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "cancelled"])
BEGINS: st.SearchStrategy[NodeState] = st.sampled_from([*["running"] * 8, "skipped", "failed"])
FAILING: st.SearchStrategy[OnFailure] = st.sampled_from(["fail", "skip", "run"])


@st.composite
def plans(draw: st.DrawFn, most: int = 60) -> list[Plan]:
    made: list[Plan] = []
    for index in range(draw(st.integers(1, most))):
        keys = [plan.key for plan in made]
        before = tuple(draw(st.lists(st.sampled_from(keys), unique=True, max_size=4))) if keys else ()
        joins: list[Join] = ["all", "all", "any", *range(1, len(before) + 1)]
        made.append(Plan(f"n{index}", before, draw(st.sampled_from(joins)), draw(FAILING), draw(ENDS), draw(BEGINS)))
    return draw(st.permutations(made))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), made=plans(), parallel=st.integers(1, 8), cancel_after=st.integers(0, 120))
def test_every_node_ends_once_when_it_may(
    data: st.DataObject, made: list[Plan], parallel: int, cancel_after: int
) -> None:
    machine = Machine(made, parallel)
    machine.begin()
    for step in range(2 * len(made)):
        if step == cancel_after:
            machine.cancel()
        if not machine.running:
            break
        machine.end(data.draw(st.sampled_from(machine.running)))
    assert set(machine.states.values()) <= rules.ENDED, "a node never ended"
    assert machine.most_running <= parallel
    counts = Counter(machine.log)
    assert all(times == 1 for times in counts.values()), "a node changed to the same state twice"
    assert folded(machine.log, list(machine.states)) == machine.states
    for key, state in machine.log:
        if state == "running":
            assert _join_held(machine, key), f"{key} began too early"


def _join_held(machine: Machine, key: str) -> bool:
    """Whether, at the moment the node began, what it waits for had happened, looking at the log alone."""
    plan, began = machine.by_key[key], machine.log.index((key, "running"))
    states = folded(machine.log[:began], list(machine.states))
    befores = [states[before] for before in plan.dependencies]
    succeeded = befores.count("succeeded")
    needed = len(befores) if plan.join == "all" else 1 if plan.join == "any" else plan.join
    everyone = all(state in rules.ENDED for state in befores)
    return succeeded >= min(needed, len(befores)) or (plan.on_failure == "run" and everyone)


def test_a_diamond_runs_its_middle_at_once() -> None:
    machine = Machine([Plan("a"), Plan("b", ("a",)), Plan("c", ("a",)), Plan("d", ("b", "c"))], 4)
    machine.begin()
    machine.end(machine.nodes["a"])
    assert [node.key for node in machine.running] == ["b", "c"]
    machine.end(machine.nodes["b"])
    assert [node.key for node in machine.running] == ["c"]
    machine.end(machine.nodes["c"])
    assert [node.key for node in machine.running] == ["d"]


def test_the_longest_way_goes_first() -> None:
    chain = [Plan("c1"), Plan("c2", ("c1",)), Plan("c3", ("c2",))]
    machine = Machine([Plan("x"), Plan("y"), *chain], 1)
    machine.begin()
    assert [node.key for node in machine.running] == ["c1"]


def test_a_ready_node_does_not_wait_for_its_level() -> None:
    machine = Machine([Plan("slow"), Plan("quick"), Plan("next", ("quick",))], 2)
    machine.begin()
    machine.end(machine.nodes["quick"])
    assert machine.states["next"] == "running"
    assert machine.states["slow"] == "running"


@pytest.mark.parametrize(
    ("join", "on_failure", "tally", "expected"),
    [
        ("all", "fail", Tally(total=2, succeeded=1), None),
        ("all", "fail", Tally(total=2, succeeded=2), "ready"),
        ("all", "fail", Tally(total=2, bad=1), "failed"),
        ("all", "skip", Tally(total=2, bad=1), "skipped"),
        ("all", "run", Tally(total=2, bad=1), None),
        ("all", "run", Tally(total=2, bad=1, succeeded=1), "ready"),
        ("all", "fail", Tally(total=2, skipped=1), "skipped"),
        ("any", "fail", Tally(total=2, bad=1), None),
        ("any", "fail", Tally(total=2, bad=1, succeeded=1), "ready"),
        ("any", "fail", Tally(total=2, bad=2), "failed"),
        ("any", "fail", Tally(total=2, skipped=2), "skipped"),
        (2, "fail", Tally(total=3, succeeded=2), "ready"),
        (2, "fail", Tally(total=3, succeeded=1, bad=1), None),
        (2, "fail", Tally(total=3, succeeded=1, bad=1, skipped=1), "failed"),
        (2, "run", Tally(total=3, bad=3), "ready"),
        ("all", "fail", Tally(), "ready"),
        ("any", "fail", Tally(), "ready"),
    ],
)
def test_a_nodes_turn_is_decided_by_how_its_dependencies_ended(
    join: Join, on_failure: OnFailure, tally: Tally, expected: str | None
) -> None:
    assert verdict(join, on_failure, tally) == expected


def test_a_cycle_is_named() -> None:
    with pytest.raises(rules.Cycle) as refused:
        rules.ordered({"a": ["c"], "b": ["a"], "c": ["b"], "d": []})
    path = refused.value.path
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}


def test_steps_and_ranks_measure_the_longest_ways() -> None:
    inner = {"a": [], "b": ["a"], "c": ["a", "b"], "d": []}
    assert rules.steps(inner) == {"a": 1, "b": 2, "c": 3, "d": 1}
    assert rules.ranks(inner) == {"a": 3, "b": 2, "c": 1, "d": 1}


@pytest.mark.parametrize(
    ("failures", "cancelled", "expected"),
    [([], False, "succeeded"), ([True], False, "succeeded"), ([True, False], False, "failed"), ([], True, "cancelled")],
)
def test_what_a_graph_came_to(failures: list[bool], cancelled: bool, expected: str) -> None:
    assert rules.outcome(failures, cancelled=cancelled) == expected
