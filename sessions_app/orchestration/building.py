"""From the prompts that are asked for to the nodes that are recorded: checks everything that can be known before."""

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from uuid import UUID

import msgspec

from bus.exceptions import Invalid, NotFound, Refused
from bus.messages import uuid7
from sessions_app.llm import tools
from sessions_app.models import GraphNode as Row
from sessions_app.models import Session
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration import prompts, templates
from sessions_app.orchestration.prompts import PromptText
from sessions_app.orchestration.spec import MOST_EDGES, MOST_NODES, MOST_TEXT, GraphNode, NodeSpec, PromptSpec
from sessions_app.values import Metadata

OUTPUT = ("state", "output", "json")
"""What a template may ask of a dependency: `nodes.<key>.output` …"""


class Builder:
    """Builds the nodes of one graph. Raises Invalid or NotFound, naming the node."""

    def __init__(self, session: Session, specs: Sequence[NodeSpec], variables: Metadata) -> None:
        self.session = session
        self.specs = specs
        self.variables = variables
        self.ids = {spec.key: uuid7() for spec in specs}
        self.earlier: dict[str, Row] = {}
        self._characters = 0
        self._named: dict[tuple[str, int | None], PromptText] = {}

    def nodes(self) -> list[GraphNode]:
        """The nodes, in the order they were given."""
        self._check_size()
        self._find_earlier()
        inner = self.inner()
        try:
            ranks = rules.ranks(inner)
        except rules.Cycle as cycle:
            raise Invalid(f"The nodes depend on each other in a circle: {cycle}.") from None
        return [self._node(spec, ranks[spec.key]) for spec in self.specs]

    def inner(self) -> dict[str, list[str]]:
        """Dependencies within the graph, by keys."""
        return {spec.key: [before for before in spec.dependencies if before in self.ids] for spec in self.specs}

    def _check_size(self) -> None:
        if len(self.specs) > MOST_NODES:
            raise Invalid(f"A graph may have at most {MOST_NODES} nodes, not {len(self.specs)}.")
        edges = sum(len(spec.dependencies) for spec in self.specs)
        if edges > MOST_EDGES:
            raise Invalid(f"A graph may have at most {MOST_EDGES} dependencies, not {edges}.")
        twice = [key for key, count in Counter(spec.key for spec in self.specs).items() if count > 1]
        if twice:
            raise Invalid(f"Two nodes are called {twice[0]!r}.")

    def _find_earlier(self) -> None:
        """Dependencies that are no keys of this graph are ids of nodes of the session's earlier graphs."""
        outer = {before for spec in self.specs for before in spec.dependencies if before not in self.ids}
        ids = {before: _uuid(before) for before in outer}
        found = Row.objects.filter(graph__session=self.session, id__in=[one for one in ids.values() if one])
        rows = {row.id: row for row in found.only("id", "key")}
        for before, ident in ids.items():
            if ident not in rows:
                raise Invalid(f"{before!r:.60} is neither a node of this graph nor of an earlier one of the session.")
            self.earlier[before] = rows[ident]

    def _node(self, spec: NodeSpec, rank: int) -> GraphNode:
        try:
            return self._built(spec, rank)
        except (Invalid, NotFound) as error:
            raise Invalid(f"Node {spec.key!r}: {error.detail}") from None

    def _built(self, spec: NodeSpec, rank: int) -> GraphNode:
        prompt = PromptSpec(user=spec.prompt) if isinstance(spec.prompt, str) else spec.prompt
        text = self._text(prompt)
        self._characters += len(text.user) + len(text.system)
        if self._characters > MOST_TEXT:
            raise Invalid(f"The prompts of a graph come to at most {MOST_TEXT:,} characters.")
        names = self._names(spec)
        _check_names(text, spec.condition, {**self.variables, **prompt.variables}, names)
        if isinstance(spec.join, int) and spec.join > len(names):
            raise Invalid(f"{spec.join} dependencies must succeed, but it has {len(names)}.")
        config = self.session.config
        return GraphNode(
            node_id=self.ids[spec.key],
            key=spec.key,
            rank=rank,
            user=text.user,
            system=text.system,
            prompt=text.name,
            prompt_version=text.version if text.name else None,
            variables=prompt.variables,
            dependencies=[self._id(before) for before in spec.dependencies],
            names=names,
            join=spec.join,
            condition=spec.condition,
            on_dependency_failure=spec.on_dependency_failure,
            provider=spec.provider or self.session.provider,
            model=spec.model or self.session.model,
            config=spec.config,
            tools=_tools((config.get("tools") or []) if spec.tools is None else spec.tools),
            retry=spec.retry,
            timeout=spec.timeout,
            budget=spec.budget,
            on_interrupt=spec.on_interrupt,
            metadata=spec.metadata,
        )

    def _id(self, before: str) -> UUID:
        return self.ids[before] if before in self.ids else self.earlier[before].id

    def _names(self, spec: NodeSpec) -> list[str]:
        """The names its texts have for what it depends on: keys; of several with one key in earlier graphs, the others
        are numbered: `draft`, `draft_2`."""
        if len(set(spec.dependencies)) < len(spec.dependencies):
            raise Invalid("It depends on a node twice.")
        taken = set(self.ids) & set(spec.dependencies)
        names = []
        for before in spec.dependencies:
            name = before
            if before not in self.ids:
                name = key = self.earlier[before].key
                number = 1
                while name in taken:
                    number += 1
                    name = f"{key}_{number}"
                taken.add(name)
            names.append(name)
        return names

    def _text(self, prompt: PromptSpec) -> PromptText:
        """The named template, or the texts as they are given."""
        if prompt.name is None:
            if not prompt.user:
                raise Invalid("A prompt has a name or a user part.")
            return PromptText(system=prompt.system or "", user=prompt.user)
        if prompt.user is not None:
            raise Invalid("A named prompt brings its own user part.")
        which = prompt.name, prompt.version
        if which not in self._named:
            self._named[which] = prompts.find(*which)
        found = self._named[which]
        return found if prompt.system is None else msgspec.structs.replace(found, system=prompt.system)


def _check_names(text: PromptText, condition: str | None, variables: Metadata, names: Sequence[str]) -> None:
    if "nodes" in variables:
        raise Invalid("A variable cannot be called 'nodes'.")
    said = [prompts.used(text)] + ([] if condition is None else [templates.used_in_condition(condition)])
    for used in said:
        _check_paths(used.paths, used.optional | variables.keys(), names)


def _check_paths(paths: Iterable[tuple[str, ...]], known: Set[str], names: Sequence[str]) -> None:
    for path in paths:
        if path[0] == "nodes":
            _check_output(path, names)
        elif path[0] not in known:
            raise Invalid(f"The variable {path[0]!r} is not given.")


def _check_output(path: tuple[str, ...], names: Sequence[str]) -> None:
    if len(path) > 1 and path[1] not in names:
        raise Invalid(f"{'.'.join(path)!r} names a node it does not depend on.")
    if len(path) < 3 or path[2] not in OUTPUT:
        raise Invalid(f"Of a node its texts can ask {', '.join(OUTPUT)}: nodes.<key>.output, not {'.'.join(path)!r}.")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _tools(names: list[str]) -> list[str]:
    """Raises Invalid for one that is not there."""
    try:
        tools.specs(names)
    except Refused as refused:
        raise Invalid(refused.detail) from None
    return names
