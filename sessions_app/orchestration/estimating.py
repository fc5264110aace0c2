"""What a graph would do and use at most: the answer to a dry run."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sessions_app.llm import catalog
from sessions_app.llm.base import Usage
from sessions_app.llm.context import count
from sessions_app.llm.context.count import answer_room
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration.spec import GraphNode, GraphPlan, NodePlan
from sessions_app.values import parts


def plan_of(nodes: Sequence[GraphNode], inner: Mapping[str, Sequence[str]]) -> GraphPlan:
    """Every node once, in order, each with the longest answer it may give; a dependency's answer is read again by
    those that depend on it. `inner`: dependencies by keys."""
    order = rules.steps(inner)
    answers = {node.key: _answer(node) for node in nodes}
    plans = []
    for node in nodes:
        read = _tokens(node) + sum(answers[before] for before in inner[node.key])
        usage = Usage(input_tokens=read, output_tokens=answers[node.key])
        plans.append(
            NodePlan(
                key=node.key,
                step=order[node.key],
                rank=node.rank,
                dependencies=list(inner[node.key]),
                tokens=read + answers[node.key],
                cost=catalog.cost(node.provider, node.model, usage, datetime.now(UTC)),
            )
        )
    costs = [plan.cost for plan in plans]
    return GraphPlan(
        nodes=sorted(plans, key=lambda plan: (plan.step, -plan.rank)),
        steps=max(order.values()),
        tokens=sum(plan.tokens for plan in plans),
        cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
    )


def _answer(node: GraphNode) -> int:
    return answer_room(catalog.window(node.provider, node.model), node.config.max_tokens)


def _tokens(node: GraphNode) -> int:
    return sum(count.message(parts(text)) for text in (node.system, node.user) if text)
