"""A graph in memory, run by the same rules as the stored ones: for tests over thousands of graphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.graph import Change, Node, Tally
from sessions_app.orchestration.spec import Join, NodeState, OnFailure


@dataclass(frozen=True)
class Plan:
    """One node of a made-up graph, and what it will do: `ends` when it runs, or `begins` otherwise than by running."""

    key: str
    dependencies: tuple[str, ...] = ()
    join: Join = "all"
    on_failure: OnFailure = "fail"
    ends: NodeState = "succeeded"
    begins: NodeState = "running"


@dataclass
class Machine:
    """Runs plans. `log` is every change as (key, state), `runs` how often each node began."""

    plans: Sequence[Plan]
    parallel: int
    log: list[tuple[str, NodeState]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_key = {plan.key: plan for plan in self.plans}
        inner = {plan.key: plan.dependencies for plan in self.plans}
        ranks, self.after = rules.ranks(inner), rules.dependents(inner)
        self.nodes = {
            plan.key: Node(
                node_id=uuid4(),
                key=plan.key,
                index=index,
                rank=ranks[plan.key],
                join=plan.join,
                on_failure=plan.on_failure,
                tally=Tally(total=len(plan.dependencies)),
            )
            for index, plan in enumerate(self.plans)
        }
        self.most_running = 0

    def dependents(self, ended: Sequence[Node]) -> list[tuple[Node, Node]]:
        return [(node, self.nodes[key]) for node in ended for key in self.after[node.key]]

    def ready(self, most: int) -> list[Node]:
        found = [node for node in self.nodes.values() if node.state == "ready"]
        return sorted(found, key=lambda node: node.urgency)[: max(most, 0)]

    @property
    def states(self) -> Mapping[str, NodeState]:
        return {key: node.state for key, node in self.nodes.items()}

    @property
    def running(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.state == "running"]

    def begin(self) -> None:
        self._note(rules.looked_at(self, list(self.nodes.values())))
        self._start()

    def end(self, node: Node) -> None:
        """The node's run ends as it was planned."""
        node.state = self.by_key[node.key].ends
        self.log.append((node.key, node.state))
        self._note(rules.ended(self, [node]))
        self._start()

    def cancel(self) -> None:
        """Whoever has not begun is cancelled; nothing begins any more."""
        for node in self.nodes.values():
            if node.state in ("blocked", "ready"):
                node.state = "cancelled"
                self.log.append((node.key, "cancelled"))

    def _start(self) -> None:
        more = True
        while more:
            slots = self.parallel - len(self.running)
            changes, more = rules.started(self, self.ready(min(slots, 3)), slots, 3, self._starter)
            self._note(changes)
        self.most_running = max(self.most_running, len(self.running))

    def _starter(self, node: Node) -> Change:
        return Change(node=node, state=self.by_key[node.key].begins)

    def _note(self, changes: Sequence[Change]) -> None:
        self.log += [(change.node.key, change.state) for change in changes]


def folded(log: Sequence[tuple[str, NodeState]], keys: Sequence[str]) -> dict[str, NodeState]:
    """The states that a log of changes tells."""
    states: dict[str, NodeState] = dict.fromkeys(keys, "blocked")
    states.update(log)
    return states
