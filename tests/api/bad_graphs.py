"""Fields of graphs that must be refused."""

from typing import Any

NOWHERE = "0198f2c4-aaaa-7000-8000-00000000000a"

_FIELDS: dict[str, list[Any]] = {
    "prompt": [1, "", [], {}, {"name": "../x"}, {"name": "nobody"}, {"user": "{{"}, {"user": "{{ x.__class__ }}"}],
    "join": [0, -1, "some", 1001, None],
    "dependencies": ["a", [1], ["a"], ["../a"], [NOWHERE], ["x" * 65]],
    "condition": [1, "", "1 +", "nodes.__class__", "f()", "x" * 2001, "nodes.b.output"],
    "retry": [1, {"max_attempts": 0}, {"max_attempts": 11}, {"backoff": -1}, {"on": "x"}],
    "timeout": [0, -1, "x", 1e9],
    "budget": [1, {"tokens": 0}, {"usd": -1}],
    "on_dependency_failure": ["stop", 1, None],
    "config": [1, {"temperature": 3}, {"model": "x"}],
    "tools": ["x", [1]],
    "extra": [1],
}
_NODES: list[Any] = [
    *(1, "x", {}, [], [1], [{}], [{"key": "a"}], [{"prompt": "x"}], [{"key": "a b", "prompt": "x"}]),
    *([{"key": "a", "prompt": "x", field: value}] for field, values in _FIELDS.items() for value in values),
]

WRONG_GRAPHS: dict[str, list[Any]] = {
    "nodes": _NODES,
    "name": [1, [], "x" * 201],
    "id": ["x", 1, "", {}, []],
    "max_parallel": [0, -1, 101, 1.5, "4", None],
    "variables": [1, "x", [], True, {"nodes": 1}],
    "dry_run": ["yes", 1],
    "metadata": [1, "x", [], True, None],
    "expected_version": ["1", 1.5, -1, True, [1]],
}
