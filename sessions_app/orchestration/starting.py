"""Begins a node: its condition, its prompt with what its dependencies said, its run. Decides and yields events only."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from bus import sql
from bus.exceptions import Refused
from bus.messages import Event, changed, uuid7
from sessions_app import events
from sessions_app.factory import message_added
from sessions_app.llm import admission
from sessions_app.llm.storable import clean
from sessions_app.models import Graph, Message, Run, Session
from sessions_app.orchestration import prompts, templates
from sessions_app.orchestration.graph import Change, Node
from sessions_app.orchestration.prompts import PromptText
from sessions_app.orchestration.rows import spec_of
from sessions_app.orchestration.spec import GraphNode
from sessions_app.queries import active_in
from sessions_app.values import Content, Role, TextPart, text_of

_OUTPUTS = """
SELECT d.id, coalesce(now.state, d.state), m.content::text FROM sessions_app_graphedge AS e
JOIN sessions_app_graphnode AS d ON d.id = e.dependency_id
LEFT JOIN unnest(%(nodes)s::uuid[], %(states)s::text[], %(messages)s::uuid[]) AS now(id, state, message)
    ON now.id = d.id
LEFT JOIN sessions_app_message AS m ON m.id = coalesce(now.message, d.message)
WHERE e.dependent_id = %(node)s::uuid ORDER BY d.graph_id, d.index
"""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was begun for a node, and the events that begin it."""

    run_id: UUID
    conversation_id: UUID
    attempt: int
    events: list[Event]


class Starter:
    """Begins nodes of one graph of a session. `ended`: nodes that ended in this step, which their rows do not say yet,
    with the messages they ended with."""

    def __init__(self, session: Session, graph: Graph, ended: Callable[[], list[tuple[Node, UUID | None]]]) -> None:
        self.session = session
        self.graph = graph
        self.ended = ended

    def __call__(self, node: Node) -> Change:
        """Running, skipped or failed."""
        spec = spec_of(node)
        outputs = outputs_of(node, spec, self.ended())
        values = {**self.graph.variables, **spec.variables, "nodes": outputs}
        try:
            if spec.condition is not None and not templates.holds(spec.condition, values):
                return Change(node=node, state="skipped", code="condition", reason="Its condition does not hold.")
            system, user = map(clean, prompts.resolve(_text(spec), values))
            content = _content(spec, user, outputs)
            begun = self._begun(node, spec, system, content)
        except Refused as refused:
            return Change(node=node, state="failed", code=refused.code, reason=clean(refused.detail))
        return Change(node=node, state="running", started=begun)

    def _begun(self, node: Node, spec: GraphNode, system: str, content: Content) -> Begun:
        conversation_id = uuid7()
        about = {"graph_id": str(self.graph.id), "node_id": str(node.node_id), "node": node.key}
        name = f"{self.graph.name or self.graph.kind}: {node.key}"[:200]
        said: list[Event] = [events.ConversationStarted(conversation_id=conversation_id, name=name, metadata=about)]
        if system:
            said.append(message_added(conversation_id, Role.SYSTEM, [TextPart(text=system)]))
        said.append(message_added(conversation_id, Role.USER, content))
        wanted = _wanted(spec, conversation_id, about)
        return self._admitted(node, wanted, content, said)

    def _admitted(self, node: Node, wanted: events.RunRequested, content: Content, said: list[Event]) -> Begun:
        """The budget is set aside here, where a refusal fails the node; the reaction to the run finds it done."""
        tokens = admission.tokens_of(content)
        wanted = changed(wanted, tokens=tokens)
        before = None if node.more.run else Message.objects.none()  # a conversation that begins has said nothing
        admission.admit(self.session, wanted, content, before)
        admission.set_aside(self.session, wanted.run_id, wanted, tokens)
        return Begun(
            run_id=wanted.run_id,
            conversation_id=wanted.conversation_id,
            attempt=node.more.attempt + 1,
            events=[*said, wanted],
        )

    def again(self, node: Node, spec: GraphNode, old: Run) -> Change:
        """Another try of a node whose run failed, after a pause that doubles."""
        tried = node.more.attempt
        busy = active_in(old.conversation_id) is not None  # somebody else's run had its turn; ours is the next
        wanted = changed(
            _wanted(spec, old.conversation_id, old.metadata),
            retries=old.retries or old.id,
            upto=old.requested_version,
            delay=spec.retry.backoff * 2.0 ** (tried - 1),
            waits=busy,
            first=busy,
        )
        try:
            begun = self._admitted(node, wanted, [], [])
        except Refused as refused:
            return Change(node=node, state="failed", code=refused.code, reason=refused.detail)
        return Change(node=node, state="running", started=begun)


def outputs_of(node: Node, spec: GraphNode, ended: list[tuple[Node, UUID | None]]) -> dict[str, dict[str, Any]]:
    """What its dependencies came to, by the names its texts have for them: `state`, `output` (empty where there is
    none) and `json`, where the output is JSON."""
    names = dict(zip(spec.dependencies, spec.names, strict=True))
    found = {}
    values = {
        "node": node.node_id,
        "nodes": [other.node_id for other, _ in ended],
        "states": [other.state for other, _ in ended],
        "messages": [message for _, message in ended],
    }
    for ident, state, content in sql.fetch(_OUTPUTS, values):
        text = text_of(msgspec.json.decode(content, type=Content)) if content else ""
        found[names[ident]] = {"state": state, "output": text, "json": _json(text)}
    return found


def _text(spec: GraphNode) -> PromptText:
    return PromptText(name=spec.prompt, system=spec.system, user=spec.user)


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _content(spec: GraphNode, prompt: str, outputs: dict[str, dict[str, Any]]) -> Content:
    """The prompt; what its dependencies said stands before it, unless its texts name them themselves."""
    if any(path[0] == "nodes" for path in prompts.paths(_text(spec))):
        return [TextPart(text=prompt)]
    said = [f"{key}:\n\n{one['output']}\n\n---\n\n" for key, one in outputs.items() if one["output"]]
    return [TextPart(text="".join([*said, prompt]))]


def _wanted(spec: GraphNode, conversation_id: UUID, about: dict[str, Any]) -> events.RunRequested:
    return events.RunRequested(
        run_id=uuid7(),
        conversation_id=conversation_id,
        provider=spec.provider,
        model=spec.model,
        tools=spec.tools,
        config=spec.config,
        timeout=spec.timeout,
        budget=spec.budget,
        on_interrupt=spec.on_interrupt,
        metadata=about,
    )
