"""Where the page draws the nodes of a graph; the script is run by Node.js where there is one."""

import json
import random
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "static" / "parley" / "layout.js"
NODE = shutil.which("node")
SIZE = {"width": 100, "height": 40}
SIDEWAYS = {**SIZE, "between": 50, "gap": 10, "wrap": 6, "downwards": False}
DOWNWARDS = SIDEWAYS | {"downwards": True}
Graph = dict[str, list[str]]

pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node.js, which Parley itself does not")


def chaos(count: int, seed: int) -> Graph:
    """Nodes that depend on some of those before them, in no order."""
    dice = random.Random(seed)
    graph = {f"n{i}": [f"n{j}" for j in {dice.randrange(i) for _ in range(dice.randrange(4))}] for i in range(1, count)}
    names = ["n0", *graph]
    dice.shuffle(names)
    return {name: graph.get(name, []) for name in names}


GRAPHS: dict[str, Graph] = {
    "diamond": {"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []},
    "long way round": {"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a", "of an earlier graph"]},
    "wide": {"s": [], **{f"n{i}": ["s"] for i in range(50)}, "t": [f"n{i}" for i in range(50)]},
    "chain": {"n0": [], **{f"n{i}": [f"n{i - 1}"] for i in range(1, 200)}},
    "chaos": chaos(150, 1),
    "more chaos": chaos(40, 2),
    "one": {"a": []},
    "none": {},
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    """All of the graphs, drawn both ways; one process for all of them."""
    asked = {
        f"{name}, {'downwards' if shape['downwards'] else 'sideways'}": [
            [{"id": key, "dependencies": before} for key, before in graph.items()],
            shape,
        ]
        for name, graph in GRAPHS.items()
        for shape in (SIDEWAYS, DOWNWARDS)
    }
    tell = """
        const answers = Object.entries(ASKED).map(([name, [nodes, shape]]) => {
          const { places, ...drawn } = layout(nodes, shape);
          return [name, { ...drawn, places: Object.fromEntries(places) }];
        });
        console.log(JSON.stringify(Object.fromEntries(answers)));
    """.replace("ASKED", json.dumps(asked))
    done = subprocess.run(
        [str(NODE), "--input-type=module"], input=SCRIPT.read_text() + tell, capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("way", ["sideways", "downwards"])
@pytest.mark.parametrize("name", GRAPHS)
def test_nodes_stand_apart_inside_the_drawing_and_after_what_they_wait_for(
    drawn: dict[str, Any], name: str, way: str
) -> None:
    graph, found = GRAPHS[name], drawn[f"{name}, {way}"]
    places = found["places"]
    assert set(places) == set(graph)
    for one, other in combinations(places.values(), 2):
        assert abs(one["x"] - other["x"]) >= SIZE["width"] or abs(one["y"] - other["y"]) >= SIZE["height"]
    for place in places.values():
        assert 0 <= place["x"] <= found["width"] - SIZE["width"]
        assert 0 <= place["y"] <= found["height"] - SIZE["height"]
    along = "y" if way == "downwards" else "x"
    edges = [(before, key) for key, all_before in graph.items() for before in all_before if before in graph]
    assert all(places[before][along] < places[key][along] for before, key in edges)
    assert sorted((edge["from"], edge["to"]) for edge in found["edges"]) == sorted(edges)
    assert not any("NaN" in edge["path"] or "Infinity" in edge["path"] for edge in found["edges"])


def test_a_diamond_is_one(drawn: dict[str, Any]) -> None:
    places = drawn["diamond, sideways"]["places"]
    assert places["a"]["y"] == places["d"]["y"] == (places["b"]["y"] + places["c"]["y"]) / 2
    assert places["b"]["x"] == places["c"]["x"]


def test_arrows_go_along_the_edges_and_to_the_sides() -> None:
    arrows = SCRIPT.with_name("arrows.js").read_text()
    asked = [*(["a", key] for key in ("ArrowRight", "ArrowLeft", "End")), ["b", "ArrowDown"], ["c", "ArrowDown"]]
    tell = """
        const at = { a: [0, 50], b: [100, 0], c: [100, 90], d: [200, 50] };
        const places = new Map(Object.entries(at).map(([id, [x, y]]) => [id, {x, y}]));
        const edges = [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]].map(([from, to]) => ({from, to}));
        const drawn = {places, edges, downwards: false};
        console.log(JSON.stringify(ASKED.map(([id, key]) => towards(id, key, drawn) ?? null)));
    """.replace("ASKED", json.dumps(asked))
    done = subprocess.run(
        [str(NODE), "--input-type=module"], input=arrows + tell, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["c", None, "d", "c", None]
