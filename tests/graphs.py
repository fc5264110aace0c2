"""Graphs done in the test's own process, as workers do them."""

import time
from typing import Any
from uuid import UUID

import msgspec
from django.contrib.auth.models import User

from bus.work import lease, runner
from sessions_app import commands
from sessions_app.models import Graph, GraphNode
from sessions_app.orchestration.spec import NodeSpec
from tests.runs import DEADLINE, told
from tests.story import Story


def story(alice: User, **script: Any) -> Story:
    """A session of Alice's whose model answers at once, with what it is asked."""
    return told(alice, **script)


def start(told: Story, *nodes: dict[str, Any], **more: Any) -> Graph:
    """A started graph."""
    result = told.tell(commands.StartGraph, nodes=msgspec.convert(list(nodes), list[NodeSpec]), **more)
    return Graph.objects.get(id=result.data["id"])


def node(key: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    """A node, as JSON says it."""
    return {"key": key, "prompt": f"do {key}", "dependencies": list(dependencies), **more}


def work_off(graph: Graph | UUID | str) -> Graph:
    """Do everything that is due until the graph has ended."""
    ident = graph.id if isinstance(graph, Graph) else graph
    end = time.monotonic() + DEADLINE
    while (row := Graph.objects.get(id=ident)).state == "running":
        assert time.monotonic() < end, f"the graph did not end: {states(row)}"
        if not one():
            time.sleep(0.005)
    return row


def one() -> bool:
    """Do one piece of due work; False when there is none."""
    for work in lease.due(1, 0.0, runner.takes()):
        if runner.run(work):
            settled_work(work)
            return True
    return False


def settled_work(work: UUID) -> None:
    """Wait until this process has let go of it."""
    end = time.monotonic() + DEADLINE
    while work in runner.active:
        assert time.monotonic() < end, f"{work} was not let go of"
        time.sleep(0.002)


def states(graph: Graph) -> dict[str, str]:
    """The nodes' states by their keys."""
    return dict(GraphNode.objects.filter(graph=graph).order_by("index").values_list("key", "state"))
