"""P17: the nodes of a graph run once, when they may, and none is stuck, whatever dies meanwhile: generated graphs, by
their log; and the death of all workers in mid-graph, after which nothing that was finished is asked again."""

import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.flow.stack import wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_versions
from tests.harness.nemesis import KINDS, Fault, chosen_seed
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.harness.scale import scaled
from tests.promises.answers import ENDLESS, SHORT, SILENT, log_of
from tests.promises.graph_log import graphs_of
from tests.promises.made_graphs import MadeGraph, all_ended, done, drawn, kill_all_workers, longest_pause, progress

GRAPHS = scaled(2)
TO_A_SESSION = 2
CANCELS = scaled(1)
DISTURBED_BY = ("kill a worker", "kill Redis", "kill all workers", "freeze a worker", "flush Redis")
FAULTS = scaled(3)
"""The first three in CI."""
SPOKEN = 40
"""Words said, and thus some stored, when the workers die."""


def started(cluster: Cluster, provider: ScriptedProvider, chance: random.Random) -> list[MadeGraph]:
    """All graphs, by two webs, some of them in one session."""
    graphs: list[MadeGraph] = []
    for number in range(GRAPHS):
        browser = cluster.browser(number)
        session = graphs[-1].session if number % TO_A_SESSION else browser.new_session()
        graphs.append(drawn(chance, browser, session, provider))
    for graph in graphs:
        graph.start()
    return graphs


def strike(cluster: Cluster, history: History, number: int) -> None:
    """One fault, and its healing."""
    kind = DISTURBED_BY[number % len(DISTURBED_BY)]
    history.note("fault", kind)
    if kind == "kill all workers":
        kill_all_workers(cluster)
    else:
        KINDS[kind].strike(cluster, Fault(kind, number, 0.0, 0.0))
    time.sleep(4.0 if kind == "freeze a worker" else 0.5)  # the length of the fault
    cluster.heal()


def disturb(cluster: Cluster, history: History, database: Any, graphs: list[MadeGraph]) -> None:
    """Faults and cancels, spread over the graphs' work."""
    total = sum(len(graph.nodes) for graph in graphs)
    elsewhere = cluster.browser(1)
    for number in range(FAULTS):
        done(database, graphs, total * (number + 1) // (FAULTS + 2))
        assert progress(database, graphs)[1], "all was over before the fault"
        for graph in graphs[number * CANCELS // FAULTS : (number + 1) * CANCELS // FAULTS]:
            graph.cancel(elsewhere)
        strike(cluster, history, number)


def check(cluster: Cluster, graphs: list[MadeGraph]) -> Counter[str]:
    """The log of each session tells of its graphs as they must go; nodes by state."""
    states: Counter[str] = Counter()
    for session in dict.fromkeys(graph.session for graph in graphs):
        rows = cluster.messages(session)
        check_versions([row[0] for row in rows], len(rows))
        for ident, read in graphs_of(log_of(cluster, session)).items():
            try:
                states += read.check()
            except AssertionError as error:
                raise AssertionError(f"graph {ident}: {error}") from None
    return states


def repeat(database: Any, graphs: list[MadeGraph]) -> int:
    """Run again what did not end well: now it does, and nothing is asked again that had succeeded; how many graphs."""
    again = [graph for graph in graphs if graph.shown()["state"] != "succeeded"]
    kept = {(graph.id, key): len(graph.calls(key)) for graph in again for key in _succeeded(database, graph)}
    for graph in again:
        graph.again()
    all_ended(database, again)
    assert [graph.shown()["state"] for graph in again] == ["succeeded"] * len(again)
    by_id = {graph.id: graph for graph in again}
    assert kept == {(ident, key): len(by_id[ident].calls(key)) for ident, key in kept}, "asked again"
    return len(again)


def _succeeded(database: Any, graph: MadeGraph) -> list[str]:
    return [key for key, state in graph.states(database).items() if state == "succeeded"]


@pytest.mark.timeout(scaled(300))
def test_every_node_runs_once_when_it_may(cluster: Cluster, provider: ScriptedProvider, history: History) -> None:
    seed = chosen_seed()
    print(f"PROMISE_SEED={seed}")
    graphs = started(cluster, provider, random.Random(seed))
    with cluster.connect() as database:
        disturb(cluster, history, database, graphs)
        all_ended(database, graphs)
        states, pause = check(cluster, graphs), longest_pause(database, graphs)
        again = repeat(database, graphs)
    check(cluster, graphs)
    history.figures("graphs", seed=seed, graphs=len(graphs), again=again, pause=pause, **states)


def four_and_four(cluster: Cluster, provider: ScriptedProvider) -> MadeGraph:
    """Four that are done soon, four that are at work when everything dies, two that follow."""
    browser = cluster.browser()
    graph = MadeGraph(browser, browser.new_session(), provider, parallel=4)
    for number, unlucky in enumerate((ENDLESS, ENDLESS, ENDLESS, SILENT)):
        graph.add(f"soon_{number}", SHORT)
        graph.add(f"slow_{number}", unlucky, SHORT, dependencies=[f"soon_{number}"])
    graph.add("both", Script(words=2), dependencies=["slow_0", "slow_3"])
    graph.add("last", Script(words=2), dependencies=["both", *(f"slow_{number}" for number in range(4))])
    return graph


def test_what_is_finished_is_not_run_again_after_the_death_of_all_workers(
    cluster: Cluster, provider: ScriptedProvider
) -> None:
    graph = four_and_four(cluster, provider)
    graph.start()
    with cluster.connect() as database:
        done(database, [graph], 4)
        spoken(graph)
        kill_all_workers(cluster)
        finished = _succeeded(database, graph)
        cluster.heal()
        all_ended(database, [graph])
    assert sorted(finished) == [f"soon_{number}" for number in range(4)]
    assert graph.shown()["state"] == "succeeded", graph.shown()
    outcomes = {node["key"]: [call.outcome for call in graph.calls(node["key"])] for node in graph.nodes}
    interrupted = {key: ["aborted", "finished"] for key in outcomes if key.startswith("slow_")}
    assert outcomes == {key: ["finished"] for key in outcomes} | interrupted
    assert check(cluster, [graph]) == {"succeeded": len(graph.nodes)}


def spoken(graph: MadeGraph) -> None:
    """Return once those that are at work have said enough to have some of it stored, or are waited for."""

    def far() -> bool:
        slow = [graph.calls(f"slow_{number}") for number in range(4)]
        return all(slow) and all(calls[0].words >= SPOKEN for calls in slow[:3])

    wait_until(far, what="four nodes at work")
