"""Graphs drawn from a seed, started over REST: joins, conditions, failures and tries at random, and a model for each
node, so that what the provider was asked can be told node by node."""

import random
import signal
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.harness.openai_wire import Script
from tests.harness.provider import Call, ScriptedProvider

SMALLEST, LARGEST = 5, 25
GOOD = Script(words=4, pause=0.02)
REFUSED = Script(status=400)
BUSY = Script(status=503)
"""The engine itself asks again after it."""
STUCK = 30.0
"""Seconds in which a node must end somewhere: ten leases."""

_PROGRESS = """
SELECT sum(done)::int, count(*) FILTER (WHERE state = 'running') FROM sessions_app_graph WHERE id = ANY(%s::uuid[])
"""
_PAUSE = """
SELECT max(pause) FROM (SELECT extract(epoch FROM recorded_at - lag(recorded_at) OVER (ORDER BY recorded_at))::float
FROM bus_storedevent WHERE stream = ANY(%s::uuid[]) AND type = 'graph-advanced') AS found(pause)
"""
_STATES = "SELECT key, state FROM sessions_app_graphnode WHERE graph_id = %s"


@dataclass
class MadeGraph:
    """What is posted, and what the models of its nodes say; then what became of it."""

    browser: Browser
    session: str
    provider: ScriptedProvider
    parallel: int
    prefix: str = field(default_factory=lambda: f"scripted-{uuid4()}")
    nodes: list[dict[str, Any]] = field(default_factory=list)
    id: str = ""

    def add(self, key: str, *scripts: Script, **more: Any) -> None:
        """One more node, whose calls get these scripts, the last one for all that follow."""
        self.provider.script(self.model(key), *scripts)
        self.nodes.append({"key": key, "prompt": f"do {key}", "provider": "openai", "model": self.model(key), **more})

    def model(self, key: str) -> str:
        """The node's own model."""
        return f"{self.prefix}-{key}"

    def start(self) -> None:
        """Post it."""
        body = {"nodes": self.nodes, "max_parallel": self.parallel}
        answer = self.browser.call("POST", f"sessions/{self.session}/graphs/", body)
        assert answer.status_code == 202, answer.text
        self.id = answer.json()["id"]

    def shown(self) -> dict[str, Any]:
        """As REST shows it."""
        found: dict[str, Any] = self.browser.call("GET", f"graphs/{self.id}/").json()
        return found

    def again(self) -> None:
        """Ask for what did not end well once more; now every model answers."""
        for node in self.nodes:
            self.provider.script(node["model"], GOOD)
        answer = self.browser.call("POST", f"graphs/{self.id}/retry/", {})
        assert answer.status_code == 200, answer.text

    def cancel(self, browser: Browser) -> None:
        """Ask for its end; it may have come."""
        answer = browser.call("POST", f"graphs/{self.id}/cancel/", {})
        assert answer.status_code == 200 or answer.json()["code"] == "graph-ended", answer.text

    def calls(self, key: str) -> list[Call]:
        """What the provider was asked for a node."""
        return [call for call in tuple(self.provider.calls) if call.body["model"] == self.model(key)]

    def states(self, database: Any) -> dict[str, str]:
        """The nodes' states by their keys."""
        return dict(database.execute(_STATES, [self.id]).fetchall())


def drawn(chance: random.Random, browser: Browser, session: str, provider: ScriptedProvider) -> MadeGraph:
    """A graph of 5 to 25 nodes, in random order."""
    graph = MadeGraph(browser, session, provider, parallel=chance.randint(1, 5))
    keys = [f"n{number}" for number in range(chance.randint(SMALLEST, LARGEST))]
    for number, key in enumerate(keys):
        before = chance.sample(keys[:number], min(number, chance.choice((0, 1, 1, 2, 3))))
        _add(graph, chance, key, before)
    chance.shuffle(graph.nodes)
    return graph


def _add(graph: MadeGraph, chance: random.Random, key: str, before: list[str]) -> None:
    more: dict[str, Any] = {"dependencies": before}
    if before:
        more["join"] = chance.choice(["all", "all", "any", chance.randint(1, len(before))])
        more["on_dependency_failure"] = chance.choice(["fail", "skip", "run"])
        if chance.random() < 0.3:
            more["prompt"] = f"{{{{ nodes.{before[0]}.output }}}}!"
        if chance.random() < 0.2:
            more["condition"] = f"'{chance.choice(('0', '0', '99'))}' in nodes.{before[0]}.output"
    good = Script(words=chance.randint(1, 8), pause=chance.uniform(0.01, 0.05))
    fails = chance.choices([[], [REFUSED], [REFUSED, REFUSED, REFUSED], [BUSY]], [70, 14, 12, 4])[0]
    more["retry"] = {"max_attempts": chance.randint(1, 3), "backoff": chance.choice((0, 0, 0.5))}
    graph.add(key, *fails, good, **more)


def progress(database: Any, graphs: list[MadeGraph]) -> tuple[int, int]:
    """How many nodes have ended, and how many graphs have not."""
    row = database.execute(_PROGRESS, [[graph.id for graph in graphs]]).fetchone()
    return row[0] or 0, row[1]


def done(database: Any, graphs: list[MadeGraph], count: int) -> None:
    """Return once so many nodes have ended, or all graphs. Raises AssertionError where nothing ends any more."""
    far, unended = 0, 1
    while far < count and unended:
        further = partial(_further, database, graphs, far)
        try:
            far, unended = wait_until(further, deadline=STUCK, what=f"the end of another node than those {far}")
        except AssertionError as error:
            stuck = [graph.states(database) for graph in graphs if graph.shown()["state"] == "running"]
            raise AssertionError(f"{error}; these are stuck: {stuck}") from None


def all_ended(database: Any, graphs: list[MadeGraph]) -> None:
    """Return once every graph has ended."""
    done(database, graphs, sys.maxsize)


def _further(database: Any, graphs: list[MadeGraph], far: int) -> tuple[int, int] | None:
    nodes, unended = progress(database, graphs)
    return (nodes, unended) if nodes > far or not unended else None


def longest_pause(database: Any, graphs: list[MadeGraph]) -> float:
    """Seconds in which no node of any of them began or ended."""
    row = database.execute(_PAUSE, [list({graph.session for graph in graphs})]).fetchone()
    return float(row[0])


def kill_all_workers(cluster: Cluster) -> None:
    """`kill -9` of all of them; they stay dead."""
    for worker in cluster.workers:
        worker.kill(signal.SIGKILL)
    for worker in cluster.workers:
        worker.stop(signal.SIGKILL)
