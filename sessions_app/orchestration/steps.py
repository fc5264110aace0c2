"""What follows in the graphs of a session when a run of theirs ends, or one begins: the events of one step.

Called under the session's lock, in the transaction of what it follows from: a crash leaves no graph between two
steps."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from bus import sql
from bus.messages import Context, Event
from bus.work import queue
from sessions_app import commands, events
from sessions_app.llm import status
from sessions_app.models import Graph, Run, Session
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.graph import Change, Node
from sessions_app.orchestration.rows import Rows, running, spec_of
from sessions_app.orchestration.spec import NodeChange, Totals
from sessions_app.orchestration.starting import Begun, Starter

MOST_AT_ONCE = 16
"""Nodes begun in one step; the others follow in steps of their own, so that no step holds the session for long."""
MOST_GRAPHS = 4
"""Graphs told of in one step: many may wait for the same node."""
MOST_STOPPED = 25
"""Runs stopped in one step; what waits behind each may begin in the same transaction."""
PAUSE = 1.0
"""Seconds until a graph looks again that found the whole server at its limit."""
HOPELESS = frozenset({"budget-exhausted", "not-configured", "authentication", "context-overflow", "template-failed"})
"""Codes that another try cannot cure; tried again only where `on` names them."""


_DUE = """
SELECT 1 FROM bus_work WHERE state = 'queued' AND kind = 'command' AND name = 'advance-graph'
AND session = %(session)s::uuid AND payload->'command'->>'graph_id' = %(graph)s
AND (payload->'command'->>'whole')::bool IS NOT DISTINCT FROM %(whole)s::bool LIMIT 1
"""


class Step:
    """One step, over all the graphs of the session that it touches. `now` is when what it follows from was recorded."""

    def __init__(self, session_id: UUID, now: datetime, rows: Rows | None = None) -> None:
        self.session_id = session_id
        self.now = now
        self.rows = rows or Rows()
        self.changes: list[Change] = []
        self._graphs: dict[UUID, Graph] = {}
        self._used: dict[UUID, tuple[int, Decimal | None]] = {}
        self._left = MOST_AT_ONCE

    @cached_property
    def session(self) -> Session:
        """The session, read when a node begins."""
        return Session.objects.get(id=self.session_id)

    def graph(self, graph_id: UUID) -> Graph:
        """A graph, read once."""
        if graph_id not in self._graphs:
            self._graphs[graph_id] = Graph.objects.get(id=graph_id)
        return self._graphs[graph_id]

    # -- what happened ---------------------------------------------------------------------------------------------

    def run_ended(self, node: Node) -> Iterator[Event]:
        """The node's run ended."""
        self._settle(node, Run.objects.get(id=node.more.run))
        yield from self._go_on(node.more.graph_id)

    def caught_up(self, graph_id: UUID, *, whole: bool = True) -> Iterator[Event]:
        """Nodes that are ready may begin. With `whole` every node is looked at: those that wait for nobody (any more),
        those whose runs have ended unnoticed, and those that are to stop."""
        stopping: list[Event] = []
        if whole:
            nodes = self.rows.of_graph(graph_id)
            at_work = {node.more.run: node for node in nodes if node.state == "running"}
            self.graph(graph_id).running = len(at_work)
            for run in Run.objects.filter(id__in=list(at_work), state__in=status.ENDED):
                self._settle(at_work[run.id], run)
            self.changes += rules.looked_at(self.rows, nodes)
            if self.graph(graph_id).cancel_requested:
                stopping = self._stop(graph_id, nodes)
        yield from self._go_on(graph_id)
        yield from stopping

    def cancelled(self, graph_id: UUID) -> Iterator[Event]:
        """No node begins any more; a run at work is told to stop and ends its node when it has."""
        yield events.GraphCancelRequested(graph_id=graph_id)
        self.graph(graph_id).cancel_requested = True
        stopping = self._stop(graph_id, self.rows.of_graph(graph_id))
        yield from self._go_on(graph_id)
        yield from stopping

    def _stop(self, graph_id: UUID, nodes: list[Node]) -> list[Event]:
        """End what has not begun and what nobody works at, tell the others to stop; so many runs in one step."""
        left = [node for node in nodes if node.state not in rules.ENDED]
        runs = Run.objects.in_bulk([node.more.run for node in left if node.state == "running"])
        stopping: list[Event] = []
        ended: list[Node] = []
        for node in left:
            run = runs.get(node.more.run) if node.state == "running" else None
            if run is not None and len(stopping) == MOST_STOPPED:
                self._again(self.graph(graph_id), 0.0, whole=True)
                break
            if run is not None and run.state == Run.State.RUNNING:
                stopping += [] if run.cancel_requested else [events.RunCancelRequested(run_id=run.id)]
                continue
            if run is not None and run.state in status.OPEN:
                self._count(graph_id, run)
                stopping.append(events.RunCancelled(run_id=run.id))
            node.state = "cancelled"
            ended.append(node)
        self.changes += [Change(node=node, state="cancelled", code="cancelled") for node in ended]
        self.changes += rules.ended(self.rows, ended)
        return stopping

    # -- what follows ----------------------------------------------------------------------------------------------

    def _settle(self, node: Node, run: Run) -> None:
        """The node's state by how its run ended; or its next try."""
        self._count(node.more.graph_id, run)
        if run.state == Run.State.COMPLETED:
            change = Change(node=node, state="succeeded", started=run.message)
        elif run.state == Run.State.CANCELLED or run.finish_reason == "cancelled":
            change = Change(node=node, state="cancelled", code="cancelled", reason="Its run was cancelled.")
        else:
            change = self._failed(node, run)
        node.state = change.state
        self.changes.append(change)
        if change.state in rules.ENDED:
            self.changes += rules.ended(self.rows, [node])

    def _failed(self, node: Node, run: Run) -> Change:
        code = run.error_code or run.finish_reason or run.state
        spec, graph = spec_of(node), self.graph(node.more.graph_id)
        retry = spec.retry
        wanted = code in retry.on if retry.on is not None else code not in HOPELESS
        if wanted and node.more.attempt < retry.max_attempts and not graph.cancel_requested:
            return self._starter(graph).again(node, spec, run)
        return Change(node=node, state="failed", code=code, reason=run.error or f"Its run ended {run.state}.")

    def _starter(self, graph: Graph) -> Starter:
        return Starter(self.session, graph, self._ended)

    def _ended(self) -> list[tuple[Node, UUID | None]]:
        messages = {change.node.node_id: change.started for change in self.changes if change.state == "succeeded"}
        nodes = self.rows.known.values()
        return [(node, messages.get(node.node_id)) for node in nodes if node.state in rules.ENDED]

    def _count(self, graph_id: UUID, run: Run) -> None:
        tokens, spent = self._used.get(graph_id, (0, Decimal(0)))
        total = None if run.cost is None or spent is None else spent + run.cost
        self._used[graph_id] = (tokens + (run.prompt_tokens or 0) + (run.completion_tokens or 0), total)

    def _go_on(self, graph_id: UUID) -> Iterator[Event]:
        """Begin what can begin in the graphs that are touched, earlier ones first: later ones may depend on them. Then
        tell of their changes. Where too many are touched, the later ones have a step of their own."""
        done: dict[UUID, Graph] = {}
        while todo := {graph_id, *(change.node.more.graph_id for change in self.changes)} - done.keys():
            graph = min(map(self.graph, todo), key=lambda graph: (graph.started_at, graph.id))
            if len(done) == MOST_GRAPHS:
                for later in map(self.graph, todo):
                    self._again(later, 0.0, whole=True)
                break
            done[graph.id] = graph
            if not graph.cancel_requested:
                self._begin(graph)
        for touched in done.values():
            yield from self._told(touched)

    def _begin(self, graph: Graph) -> None:
        slots = graph.max_parallel - graph.running - self._difference(graph.id)
        self.rows.graph_id = graph.id
        first = self.rows.ready(min(slots, MOST_AT_ONCE))
        if not first:
            return
        free = settings.GRAPH_MOST_RUNNING - running(settings.GRAPH_MOST_RUNNING)
        if free <= 0:
            self._again(graph, PAUSE)
            return
        changes, more = rules.started(self.rows, first, min(slots, free), self._left, self._starter(graph))
        self.changes += changes
        self._left -= len(changes)
        if more:
            self._again(graph, 0.0)
        elif free < slots and self.rows.ready(1):
            self._again(graph, PAUSE)

    def _again(self, graph: Graph, delay: float, *, whole: bool = False) -> None:
        """Once: a graph that is to be looked at anyway need not be looked at twice."""
        about = {"session": self.session_id, "graph": str(graph.id), "whole": whole}
        if delay and sql.fetch(_DUE, about):
            return
        command = commands.AdvanceGraph(session_id=self.session_id, graph_id=graph.id, whole=whole)
        queue.enqueue_command(command, Context(), delay=delay)

    def _final(self, graph_id: UUID) -> list[Change]:
        """The last change of each node of a graph."""
        mine = [change for change in self.changes if change.node.more.graph_id == graph_id]
        return list({change.node.node_id: change for change in mine}.values())

    def _difference(self, graph_id: UUID) -> int:
        """Nodes that began less nodes that ended in this step; another try is no beginning."""
        final = self._final(graph_id)
        began = sum(change.state == "running" and change.node.more.run is None for change in final)
        return began - sum(change.state in rules.ENDED and change.node.more.run is not None for change in final)

    def _told(self, graph: Graph) -> Iterator[Event]:
        final = self._final(graph.id)
        for change in final:
            if isinstance(change.started, Begun):
                yield from change.started.events
        if final:
            changes = [_recorded(change) for change in final]
            yield events.GraphAdvanced(graph_id=graph.id, changes=changes, totals=self._totals(graph, final))

    def _totals(self, graph: Graph, final: list[Change]) -> Totals:
        tokens, cost = self._used.get(graph.id, (0, Decimal(0)))
        done = graph.done + sum(change.state in rules.ENDED for change in final)
        return Totals(
            done=done,
            total=graph.total,
            running=graph.running + self._difference(graph.id),
            failed=graph.failed + sum(change.state == "failed" for change in final),
            tokens=graph.tokens + tokens,
            cost=None if cost is None or graph.cost is None else graph.cost + cost,
            eta=self._eta(graph, done),
        )

    def _eta(self, graph: Graph, done: int) -> float | None:
        """As long for what is left as it took for what is done, node for node."""
        if not done:
            return None
        return round((self.now - graph.started_at).total_seconds() / done * (graph.total - done), 1)


def _recorded(change: Change) -> NodeChange:
    about: dict[str, Any] = {"code": change.code[:40], "reason": change.reason[:2000]}
    if isinstance(change.started, Begun):
        begun = change.started
        about |= {"run_id": begun.run_id, "conversation_id": begun.conversation_id, "attempt": begun.attempt}
    elif change.started is not None:
        about["message_id"] = change.started
    return NodeChange(node_id=change.node.node_id, state=change.state, **about)
