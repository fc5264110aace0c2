"""Whether a log tells of graphs as they must go. Reads events alone, and has rules of its own: a mistake in those of
the server is not made twice."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled"})
BAD = frozenset({"failed", "cancelled"})
RUN_ENDS = frozenset({"run-completed", "run-incomplete", "run-failed", "run-cancelled", "run-interrupted"})

Log = Sequence[tuple[str, dict[str, Any]]]
"""Type and data of a session's events, by version."""


class GraphRead:
    """One graph, event by event. Each method raises AssertionError where what it is told must not be."""

    def __init__(self, started: dict[str, Any]) -> None:
        self.nodes: dict[str, dict[str, Any]] = {node["node_id"]: node for node in started["nodes"]}
        self.parallel = started["max_parallel"]
        self.states = dict.fromkeys(self.nodes, "blocked")
        self.runs: dict[str, tuple[str, str]] = {}
        """Each run's node and how it ended, "" while it has not."""
        self.current: dict[str, str] = {}
        self.cancelled = False
        self.end = ""
        self.most = 0

    def requested(self, data: dict[str, Any]) -> None:
        """A run for a node."""
        node, run = data["metadata"]["node_id"], data["run_id"]
        assert self.states[node] not in ENDED, self._said(node, f"was asked again after it {self.states[node]}")
        self.runs[run] = (node, "")
        running = sum(not end for _, end in self.runs.values())
        assert running <= self.parallel, f"{running} runs at once, where {self.parallel} may be"

    def run_ended(self, run: str, kind: str) -> None:
        """A run's one end."""
        node, end = self.runs[run]
        assert not end, self._said(node, f"has a run with two ends: {end} and {kind}")
        self.runs[run] = (node, kind)

    def advanced(self, data: dict[str, Any]) -> None:
        """Changes, one after the other; then the totals are theirs."""
        assert not self.end, "it goes on after its end"
        for change in data["changes"]:
            self._change(change)
        states = Counter(self.states.values())
        running, totals = states["running"], data["totals"]
        assert running <= self.parallel, f"{running} nodes at once, where {self.parallel} may be"
        self.most = max(self.most, running)
        told = totals["done"], totals.get("running", 0), totals.get("failed", 0)
        assert told == (sum(states[each] for each in ENDED), running, states["failed"]), f"{totals} for {states}"

    def retried(self, data: dict[str, Any]) -> None:
        """Nodes wait again; none that has succeeded."""
        assert self.end in BAD
        for node in data["node_ids"]:
            assert self.states[node] != "succeeded", self._said(node, "is to succeed twice")
            self.states[node] = "blocked"
        self.end, self.cancelled = "", False

    def ended(self, data: dict[str, Any]) -> None:
        """Once, after all nodes, and as they did."""
        assert not self.end, "it ended twice"
        assert set(self.states.values()) <= ENDED, f"it ended before its nodes: {self.states}"
        self.end = data["state"]
        harmful = [node for node, state in self.states.items() if state in BAD and not self._tolerated(node)]
        assert self.end == ("cancelled" if self.cancelled else "failed" if harmful else "succeeded")

    def check(self) -> Counter[str]:
        """At the end of the log: it has ended, and each node that succeeded has one completed run; nodes by state."""
        assert self.end, f"it has not ended: {self.states}"
        ends = Counter(self.runs.values())
        for node, state in self.states.items():
            completed = ends[node, "run-completed"]
            assert completed == (state == "succeeded"), self._said(node, f"{state} with {completed} completed runs")
            assert not ends[node, ""], self._said(node, "has a run without an end")
        return Counter(self.states.values())

    # -- one node ----------------------------------------------------------------------------------------------------

    def _change(self, change: dict[str, Any]) -> None:
        node, state = change["node_id"], change["state"]
        before = self.states[node]
        assert before not in ENDED, self._said(node, f"{before}, and then {state}")
        if state == "running":
            self._runs(node, change["run_id"], again=before == "running")
        elif state == "ready":
            assert self._may_begin(node), self._said(node, f"is ready too early: {self._before(node)}")
        elif state == "succeeded":
            assert self.runs[self.current[node]][1] == "run-completed", self._said(node, "succeeded without its run")
        elif change.get("code", "").startswith("dependency-"):
            assert self._cannot_begin(node), self._said(node, f"{state} too early: {self._before(node)}")
        self.states[node] = state

    def _runs(self, node: str, run: str, *, again: bool) -> None:
        assert not self.cancelled, self._said(node, "began after the cancel")
        if again:
            end = self.runs[self.current[node]][1]
            assert end not in ("", "run-completed"), self._said(node, f"was tried again after {end or 'no end'}")
        else:
            assert self._may_begin(node), self._said(node, f"began too early: {self._before(node)}")
        assert self.runs[run] == (node, ""), self._said(node, f"runs by {self.runs[run]}")
        self.current[node] = run

    def _before(self, node: str) -> list[str]:
        return [self.states[before] for before in self.nodes[node].get("dependencies", [])]

    def _needed(self, node: str) -> int:
        join, count = self.nodes[node].get("join", "all"), len(self._before(node))
        return count if join == "all" else min(1, count) if join == "any" else int(join)

    def _may_begin(self, node: str) -> bool:
        states = self._before(node)
        everyone = self.nodes[node].get("on_dependency_failure") == "run" and ENDED.issuperset(states)
        return everyone or states.count("succeeded") >= self._needed(node)

    def _cannot_begin(self, node: str) -> bool:
        states = self._before(node)
        possible = sum(state == "succeeded" or state not in ENDED for state in states)
        return self.nodes[node].get("on_dependency_failure") != "run" and possible < self._needed(node)

    def _tolerated(self, node: str) -> bool:
        after = [key for key, each in self.nodes.items() if node in each.get("dependencies", [])]
        return any(self.states[key] == "succeeded" for key in after)

    def _said(self, node: str, what: str) -> str:
        return f"{self.nodes[node]['key']} {what}"


def graphs_of(log: Log) -> dict[str, GraphRead]:
    """The graphs of a session by their ids, each as far as the log goes."""
    graphs: dict[str, GraphRead] = {}
    of_run: dict[str, GraphRead] = {}
    for kind, data in log:
        if kind == "graph-started":
            graphs[data["graph_id"]] = GraphRead(data)
        elif kind == "run-requested" and (data.get("metadata") or {}).get("graph_id") in graphs:
            of_run[data["run_id"]] = graphs[data["metadata"]["graph_id"]]
            of_run[data["run_id"]].requested(data)
        elif kind in RUN_ENDS and data["run_id"] in of_run:
            of_run[data["run_id"]].run_ended(data["run_id"], kind)
        elif kind.startswith("graph-"):
            _tell(graphs[data["graph_id"]], kind, data)
    return graphs


def _tell(graph: GraphRead, kind: str, data: dict[str, Any]) -> None:
    if kind == "graph-cancel-requested":
        graph.cancelled = True
    else:
        {"graph-advanced": graph.advanced, "graph-retried": graph.retried, "graph-ended": graph.ended}[kind](data)
