"""h: what a graph costs for each of its nodes, in a chain and in a fan, beside the same runs without a graph; and how
near to the ideal many slow nodes come."""

import statistics
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Any

import psycopg

from benchmarks.measure import ROUNDS, Figure, Measurement, interleaved, wait
from benchmarks.stack import Bench
from tests.flow.stack import Browser

SIZES = (10, 1_000)
SMALL_ROUNDS = 9
"""Rounds of what has less than 100 nodes."""
PARALLEL = 8
SLOW, AT_ONCE, SECONDS = 300, 100, 1.0
"""Nodes, how many at a time, and how long each takes."""
EACH, LONGER, GROWTH = 15.0, 1.3, 1.1
"""The aims: ms per node; times the ideal; how much dearer a node of the large graph may be than one of the small."""
INSTANT = {"delay": 0, "text": "done"}
WORDS = 2
"""Of the echo provider's answer, which begins with its label: so many pauses."""
PATIENCE = 600.0
FLOOR = "the same runs without a graph"
SHAPES = {"chain": "one after the other", "fan": f"{PARALLEL} at a time"}

_ENDED = "SELECT state <> 'running' FROM sessions_app_graph WHERE id = %s"
_RUNS = "SELECT count(*) = %s FROM sessions_app_run WHERE session_id = %s AND state = 'completed'"
_GRAPH = "SELECT state, done FROM sessions_app_graph WHERE id = %s"


class Scene:
    """A web process that is asked, a worker that does it all, and PostgreSQL, where the end is looked for."""

    def __init__(self, browser: Browser, database: "psycopg.Connection[Any]") -> None:
        self.browser = browser
        self.database = database

    def session(self, **options: Any) -> str:
        """A new one, whose model is the echo provider's."""
        config = {"provider": "echo", "model": "echo", "provider_options": options}
        return self.browser.new_session(config=config)

    def graph(self, nodes: list[dict[str, Any]], parallel: int, **options: Any) -> float:
        """Seconds from before the POST until the graph has ended."""
        session, body = self.session(**options), {"nodes": nodes, "max_parallel": parallel}
        started = perf_counter()
        ident = self._post(f"sessions/{session}/graphs/", body)
        wait(lambda: self._true(_ENDED, ident), "the end of a graph", PATIENCE)
        took = perf_counter() - started
        row = self.database.execute(_GRAPH, [ident]).fetchone()
        if row != ("succeeded", len(nodes)):
            raise RuntimeError(f"the graph came to {row}")
        return took

    def runs(self, count: int, lanes: int, **options: Any) -> float:
        """Seconds from before the POST until so many runs have ended: one, and then the others in so many lanes."""
        session, rest = self.session(**options), count - 1
        left = [rest // lanes + (lane < rest % lanes) for lane in range(lanes)]
        started = perf_counter()
        self._post(f"sessions/{session}/runs/", {"input": "do it", "metadata": {"left": left}})
        wait(lambda: self._true(_RUNS, count, session), "the end of all runs", PATIENCE)
        return perf_counter() - started

    def _post(self, path: str, body: dict[str, Any]) -> str:
        answer = self.browser.call("POST", path, body)
        if answer.status_code != 202:
            raise RuntimeError(answer.text)
        return str(answer.json()["id"])

    def _true(self, query: str, *values: Any) -> bool:
        row = self.database.execute(query.encode(), values).fetchone()
        return bool(row and row[0])


def chain(count: int) -> list[dict[str, Any]]:
    """Each waits for the one before it."""
    return [
        {"key": f"n{number}", "prompt": "do it", "dependencies": [f"n{number - 1}"] if number else []}
        for number in range(count)
    ]


def fan(count: int) -> list[dict[str, Any]]:
    """All wait for the first, the last waits for all; it names one output, or it would be given all of them."""
    middle = [f"n{number}" for number in range(1, count - 1)]
    nodes = [{"key": key, "prompt": "do it", "dependencies": ["n0"]} for key in middle]
    last = {"key": "last", "prompt": "do it, {{ nodes.n0.output }}", "dependencies": ["n0", *middle]}
    return [{"key": "n0", "prompt": "do it"}, *nodes, last]


def measure(bench: Bench, full: bool) -> list[Figure]:
    """One worker; graphs and floors take turns. What is large takes minutes: it is done once, more often if `full`."""
    with ExitStack() as stack:
        api = stack.enter_context(bench.api()).ready()
        stack.enter_context(bench.worker(PLUGINS="benchmarks.floor_runs")).ready()
        browser = Browser(api.url, "alice")
        stack.callback(browser.client.close)
        scene = Scene(browser, stack.enter_context(bench.connect()))
        for warm in _contenders(scene, min(SIZES)).values():
            warm()
        large = ROUNDS if full else 1
        found = {size: _medians(_contenders(scene, size), SMALL_ROUNDS if size < 100 else large) for size in SIZES}
        figures = [figure for shape in SHAPES for size in SIZES for figure in _per_node(shape, size, found)]
        return [*figures, *_slow(scene, large)]


def _contenders(scene: Scene, size: int) -> dict[str, Measurement]:
    """Milliseconds per node, by shape, and of their floors."""

    def each(seconds: Callable[[], float]) -> float:
        return 1000 * seconds() / size

    return {
        "chain": lambda: each(lambda: scene.graph(chain(size), PARALLEL, **INSTANT)),
        "chain, floor": lambda: each(lambda: scene.runs(size, 1, **INSTANT)),
        "fan": lambda: each(lambda: scene.graph(fan(size), PARALLEL, **INSTANT)),
        "fan, floor": lambda: each(lambda: scene.runs(size, PARALLEL, **INSTANT)),
    }


def _medians(contenders: Mapping[str, Measurement], rounds: int) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in interleaved(contenders, rounds).items()}


def _per_node(shape: str, size: int, found: Mapping[int, Mapping[str, float]]) -> list[Figure]:
    value, floor, small = found[size][shape], found[size][f"{shape}, floor"], found[min(SIZES)][shape]
    name = f"a {shape} of {size:,} nodes, {SHAPES[shape]}"
    made = partial(Figure, benchmark="h")
    figures = [
        made(
            name=name,
            value=value,
            unit="ms per node",
            floor=floor,
            floor_name=FLOOR,
            aim=f"≤ {EACH:g} ms",
            met=value <= EACH,
        ),
        made(name=f"{name}: the graph's own part", value=value - floor, unit="ms per node"),
    ]
    if size != min(SIZES):
        label = f"{name}: as much as with {min(SIZES)}"
        aim = f"≤ {GROWTH:g} times"
        figures.append(made(name=label, value=value / small, unit="times", aim=aim, met=value / small <= GROWTH))
    return figures


def _slow(scene: Scene, rounds: int) -> list[Figure]:
    """The whole of it: the POST, the beginnings, the ends. Without a graph, one run more begins the others."""
    nodes = [{"key": f"n{number}", "prompt": "do it"} for number in range(SLOW)]
    options = {**INSTANT, "delay": SECONDS / WORDS}
    contenders = {
        "graph": lambda: scene.graph(nodes, AT_ONCE, **options),
        "runs": lambda: scene.runs(SLOW + 1, AT_ONCE, **options) - SECONDS,
    }
    found = _medians(contenders, rounds)
    ideal = -(-SLOW // AT_ONCE) * SECONDS
    name = f"of {SECONDS:g} s, {AT_ONCE} at a time"
    made = partial(Figure, benchmark="h", unit="s", floor=ideal, floor_name="their own time")
    return [
        made(
            name=f"{SLOW} nodes {name}",
            value=found["graph"],
            aim=f"≤ {LONGER:g} times the floor",
            met=found["graph"] <= LONGER * ideal,
        ),
        made(name=f"{SLOW} runs {name}, without a graph", value=found["runs"]),
    ]
