"""A graph's rules, pure: in which order, who may run, what follows when a node ends. Knows no rows, asks no clock."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from sessions_app.orchestration.spec import Join, NodeState, OnFailure

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "skipped", "cancelled"})
BAD: frozenset[str] = frozenset({"failed", "cancelled"})
Verdict = Literal["ready", "failed", "skipped"]


class Cycle(Exception):
    """`path` is the cycle: each depends on the one before it, the first is also the last."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = path


def ordered(dependencies: Mapping[str, Iterable[str]]) -> list[str]:
    """Keys, each after what it depends on. Raises Cycle."""
    try:
        return list(TopologicalSorter(dependencies).static_order())
    except CycleError as error:
        raise Cycle(list(error.args[1])) from None


def dependents(dependencies: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Who depends on each key."""
    found: dict[str, list[str]] = {key: [] for key in dependencies}
    for key, before in dependencies.items():
        for dependency in before:
            found[dependency].append(key)
    return found


def ranks(dependencies: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Nodes on the longest way from each to an end: whoever has the longest way to go goes first."""
    after, found = dependents(dependencies), dict[str, int]()
    for key in reversed(ordered(dependencies)):
        found[key] = 1 + max((found[later] for later in after[key]), default=0)
    return found


def steps(dependencies: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """The step in which each could run at the earliest, from 1."""
    found: dict[str, int] = {}
    for key in ordered(dependencies):
        found[key] = 1 + max((found[before] for before in dependencies[key]), default=0)
    return found


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How a node's dependencies have ended so far."""

    total: int = 0
    succeeded: int = 0
    bad: int = 0
    skipped: int = 0

    def plus(self, state: str) -> "Tally":
        """With one more that ended."""
        name = "succeeded" if state == "succeeded" else "skipped" if state == "skipped" else "bad"
        return msgspec.structs.replace(self, **{name: getattr(self, name) + 1})


def verdict(join: Join, on_failure: OnFailure, tally: Tally) -> Verdict | None:
    """What becomes of a node by what its dependencies did; None: not decided yet.

    As soon as enough have succeeded it is ready, and as soon as that has become impossible it is not: it fails or is
    skipped for a dependency that failed, and is skipped for one that was skipped. With `run` it waits for all to end
    and is ready whatever they did."""
    needed = tally.total if join == "all" else min(1 if join == "any" else join, tally.total)
    if tally.succeeded >= needed:
        return "ready"
    still = tally.total - tally.succeeded - tally.bad - tally.skipped
    if on_failure == "run":
        return None if still else "ready"
    if tally.succeeded + still >= needed:
        return None
    return "failed" if tally.bad and on_failure == "fail" else "skipped"


class Node(msgspec.Struct, kw_only=True):
    """A node at work: its rules, its state, how its dependencies ended. `more` is its keeper's own."""

    node_id: UUID
    key: str
    index: int
    rank: int
    state: NodeState = "blocked"
    join: Join = "all"
    on_failure: OnFailure = "fail"
    tally: Tally = Tally()
    more: Any = None

    @property
    def urgency(self) -> tuple[int, int]:
        """Smaller is sooner: the longest way to go first, then the order in which they were written."""
        return -self.rank, self.index


class View(Protocol):
    """Where nodes are looked up. The same object for the same node, so that changes of one step add up."""

    def dependents(self, ended: Sequence[Node]) -> list[tuple[Node, Node]]:
        """Pairs of an ended node and one that depends on it."""

    def ready(self, most: int) -> list[Node]:
        """Nodes whose state is `ready`, the most urgent first."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A node's new state, why, and what goes with it."""

    node: Node
    state: NodeState
    code: str = ""
    reason: str = ""
    started: Any = None


class Starter(Protocol):
    """Begins a node, or says why it does not run."""

    def __call__(self, node: Node) -> Change:
        """`running`, `skipped` (its condition does not hold) or `failed` (it cannot be asked)."""


REASONS: Mapping[str, tuple[str, str]] = {
    "failed": ("dependency-failed", "What it depends on failed."),
    "skipped": ("dependency-missing", "What it depends on did not run to success."),
}


def decided(node: Node, verdict: Verdict) -> Change:
    """The node's new state by what its dependencies did."""
    node.state = verdict
    code, reason = REASONS.get(verdict, ("", ""))
    return Change(node=node, state=verdict, code=code, reason=reason)


def looked_at(view: View, nodes: Sequence[Node]) -> list[Change]:
    """What becomes of nodes by what their dependencies did before anybody looked, and what follows from that."""
    changes = []
    for node in nodes:
        verdict_now = verdict(node.join, node.on_failure, node.tally) if node.state == "blocked" else None
        if verdict_now is not None:
            changes.append(decided(node, verdict_now))
    return changes + ended(view, [change.node for change in changes if change.state in ENDED])


def ended(view: View, first: Sequence[Node]) -> list[Change]:
    """What follows for others when these have ended: who is ready now, who fails or is skipped, and what follows from
    that. Sets states; `first` have theirs already."""
    changes: list[Change] = []
    frontier = list(first)
    while frontier:
        following: list[Node] = []
        for dependency, node in view.dependents(frontier):
            node.tally = node.tally.plus(dependency.state)
            found = verdict(node.join, node.on_failure, node.tally) if node.state == "blocked" else None
            if found is not None:
                changes.append(decided(node, found))
            if found in ENDED:
                following.append(node)
        frontier = following
    return changes


def started(view: View, first: Sequence[Node], slots: int, most: int, start: Starter) -> tuple[list[Change], bool]:
    """Start the most urgent ready nodes (`first` are those), as many as there are `slots`, and look at no more than
    `most`; whether more could be started. A node that does not run takes no slot, and may make others ready."""
    changes: list[Change] = []
    looked = 0
    queue = deque(first)
    while slots > 0 and queue and looked < most:
        change = start(queue.popleft())
        change.node.state = change.state
        changes.append(change)
        looked += 1
        if change.state == "running":
            slots -= 1
        else:
            changes += ended(view, [change.node])
        if not queue and slots > 0:
            queue.extend(view.ready(min(slots, most - looked)))
    return changes, slots > 0 and looked >= most and bool(view.ready(1))


def outcome(failures: Iterable[bool], *, cancelled: bool) -> Literal["succeeded", "failed", "cancelled"]:
    """What a graph came to, all of whose nodes have ended. `failures`: for each node that failed or was cancelled,
    whether that did no harm: a node that depends on it succeeded all the same."""
    if cancelled:
        return "cancelled"
    return "succeeded" if all(failures) else "failed"
