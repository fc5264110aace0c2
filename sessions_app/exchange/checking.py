"""What a log must be before anything of it is written: whole, in order, of types that are known, about itself alone,
and as its manifest says. The log of a stranger is no better than any other input.

Rows are written by projections, which trust the log: an id that is another session's would reach that one's rows."""

import graphlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from bus import untrusted
from bus.bus import bus
from bus.exceptions import Invalid, TooLarge
from bus.log import codec
from bus.messages import Actor, Event, changed
from bus.registry import upcast
from sessions_app import events
from sessions_app.artifacts import media
from sessions_app.events import accounts
from sessions_app.exchange.files import Log
from sessions_app.exchange.form import Line, Manifest, Tally
from sessions_app.forks import MOST_ANCESTORS
from sessions_app.values import Metadata, Title, Value

MOST_EVENTS = 100_000
_LONGEST_ACTOR = 90
_NO_SESSIONS = {accounts.__name__}
"""Where events of accounts are: a file that tells of a token would make one, of whomever it names."""
_AHEAD = timedelta(days=1)
"""How far another server's clock may be ahead of ours."""
_MAKES = {
    "conversation-started": "conversation_id",
    "message-added": "message_id",
    "run-requested": "run_id",
    "graph-started": "graph_id",
    "artifact-stored": "artifact_id",
}
_KINDS = {"parent": "conversation_id", "retries": "run_id", "continues": "run_id", "node_ids": "node_id"}
_NAMES = ("conversation_id", "message_id", "run_id", "graph_id", "node_id", "artifact_id")


class _Updates(Value):
    """What a session's row takes over from a change; of the others the log alone knows."""

    title: Title = ""
    is_active: bool = True
    metadata: Metadata = {}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A log that may be written. `manifest` is of its events as they are stored, which are those of the file unless
    they were of an older schema. `title`: what the session is called in the end."""

    session_id: UUID
    manifest: Manifest
    title: str


def check(log: Log) -> Checked:
    """Read it to its end. Raises Malformed, TooLarge, Invalid."""
    walk = Walk()
    given: Tally | None = None
    stored: Tally | None = None
    for line in log.lines():
        if given is None or stored is None:
            given, stored = Tally(line.session_id), Tally(line.session_id)
        kept, event = opened(line)
        walk.step(kept, event)
        given.add(line)
        stored.add(kept)
    if given is None or stored is None:
        raise Invalid("There is no event in it.")
    walk.end()
    if log.manifest is not None and given.manifest() != log.manifest:
        raise Invalid("The events are not those that the manifest vouches for.")
    return Checked(session_id=given.session_id, manifest=stored.manifest(), title=walk.title)


def opened(line: Line) -> tuple[Line, Event]:
    """The line in its type's present schema, with all its fields, and the event it tells. Raises Invalid."""
    kind = bus.registry.events.get(line.type)
    if kind is None or not 1 <= line.schema <= kind.schema:
        raise Invalid(f"Version {line.version}: the type {line.type[:60]!r} in schema {line.schema} is not known here.")
    if "session_id" in line.data:
        raise Invalid(f"Version {line.version}: the session is named beside the data.")
    data = line.data
    if line.schema < kind.schema:
        try:
            data = upcast(kind, line.schema, dict(data))
        except (KeyError, TypeError, ValueError):
            raise Invalid(f"Version {line.version} is no {line.type} of schema {line.schema}.") from None
    try:
        event = untrusted.convert({**data, "session_id": str(line.session_id)}, kind)
    except Invalid as error:
        raise Invalid(f"Version {line.version} is no {line.type}: {error.detail}", **error.extra) from None
    if len(data) < len(kind.__struct_encode_fields__) - 1:  # what was left out has its default, as our own events say
        data = {**msgspec.json.decode(codec.encode_data(event)), **data}
    return changed(line, schema=kind.schema, data=data), event


class Walk:
    """Goes through a log and remembers what it has begun."""

    def __init__(self) -> None:
        self.title = ""
        self._version = 0
        self._session: UUID | None = None
        self._ids: set[UUID] = set()
        self._begun: dict[str, set[UUID]] = {name: set() for name in _NAMES}
        self._meant: dict[str, set[UUID]] = {name: set() for name in _NAMES}
        self._depths: dict[UUID, int] = {}
        self._latest = datetime.now(UTC) + _AHEAD

    def step(self, line: Line, event: Event) -> None:
        """The next event. Raises Invalid, TooLarge."""
        self._version += 1
        if self._version > MOST_EVENTS:
            raise TooLarge(f"A session's file may have {MOST_EVENTS} events.", limit=MOST_EVENTS)
        self._envelope(line)
        if (line.version == 1) != isinstance(event, events.SessionCreated):
            raise Invalid("A log begins with session-created, once.")
        if isinstance(event, events.SessionDeleted | events.SessionErased):
            raise Invalid("The log of a session that was removed is not taken in.")
        if type(event).__module__ in _NO_SESSIONS or isinstance(event, events.UserErased):
            raise Invalid(f"Version {line.version}: {line.type} does not happen to sessions.")
        if not all(number.is_finite() for number in _decimals(event)):
            raise Invalid(f"Version {line.version}: an amount is not finite.")
        _special(line, event)
        self._references(line, event)
        if isinstance(event, events.SessionUpdated):
            self.title = event.updates.get("title", self.title)

    def end(self) -> None:
        """Whatever was meant has been begun at some place. Raises Invalid."""
        for name, meant in self._meant.items():
            if lost := meant - self._begun[name]:
                raise Invalid(f"The log means a {name} that is not in it: {min(lost)}.")

    def _envelope(self, line: Line) -> None:
        self._session = self._session or line.session_id
        if line.session_id != self._session:
            raise Invalid(f"Version {line.version} is of another session.")
        if line.version != self._version:
            raise Invalid(f"Version {self._version} is missing: {line.version} stands in its place.")
        if line.id in self._ids:
            raise Invalid(f"Version {line.version} has the id of an earlier event.")
        self._ids.add(line.id)
        actor = str(line.actor)
        if not line.actor.type or len(actor) > _LONGEST_ACTOR or Actor.parse(actor) != line.actor:
            raise Invalid(f"Version {line.version}: nobody is called that.")
        if line.recorded_at.tzinfo is None or line.recorded_at > self._latest:
            raise Invalid(f"Version {line.version} says no moment that has been.")
        if len(line.correlation_id) > 100:
            raise Invalid(f"Version {line.version}: the correlation_id is too long.")

    def _references(self, line: Line, event: Event) -> None:
        for name, ident in _named(event):
            self._meant[_KINDS.get(name, name)].add(ident)
            if name in ("retries", "continues") and ident not in self._begun["run_id"]:
                raise Invalid(f"Version {line.version}: a run follows one that came later.")
        if line.type in _MAKES:
            name = _MAKES[line.type]
            self._begin(name, getattr(event, name))
        if isinstance(event, events.SessionCreated):
            self._first(line, event)
        elif isinstance(event, events.ConversationStarted):
            self._fork(line, event)
        elif isinstance(event, events.GraphStarted):
            self._graph(line, event)

    def _first(self, line: Line, event: events.SessionCreated) -> None:
        self.title = event.title
        self._begin("conversation_id", line.session_id)
        if event.system_message is not None:
            self._begin("message_id", event.system_message.id)

    def _graph(self, line: Line, event: events.GraphStarted) -> None:
        for node in event.nodes:
            self._begin("node_id", node.node_id)
        try:
            graphlib.TopologicalSorter({node.node_id: node.dependencies for node in event.nodes}).prepare()
        except graphlib.CycleError:
            raise Invalid(f"Version {line.version}: the nodes of a graph wait for each other.") from None

    def _begin(self, name: str, ident: UUID) -> None:
        if ident in self._begun[name]:
            raise Invalid(f"The {name} {ident} is begun twice.")
        self._begun[name].add(ident)

    def _fork(self, line: Line, event: events.ConversationStarted) -> None:
        """What it shares is worked out from its parent's row, at once; long chains would grow by their square."""
        if event.parent is None:
            return
        if event.parent not in self._begun["conversation_id"] or not 0 <= (event.forked_at or 0) < line.version:
            raise Invalid(f"Version {line.version}: a fork begins in a conversation of this log, before it.")
        self._depths[event.conversation_id] = depth = self._depths.get(event.parent, 0) + 1
        if depth > MOST_ANCESTORS:
            raise Invalid(f"Version {line.version}: a fork of more than {MOST_ANCESTORS} forks.")


def _named(value: Any) -> Iterator[tuple[str, UUID]]:
    """The ids in an event that name something of this log, also in the nodes and changes of graphs."""
    for name in value.__struct_fields__:
        found = getattr(value, name)
        if name in _NAMES or name in _KINDS:
            yield from ((name, ident) for ident in (found if isinstance(found, list) else [found]) if ident)
        elif name == "dependencies":
            yield from (("node_id", ident) for ident in found)
        elif name in ("nodes", "changes") and isinstance(found, list):
            for item in found:
                yield from _named(item)


def _special(line: Line, event: Event) -> None:
    """What types of events leave open, since it came from our own handlers."""
    if isinstance(event, events.SessionUpdated):
        known = {name: event.updates[name] for name in _Updates.__struct_fields__ if name in event.updates}
        untrusted.convert(known, _Updates)
    elif isinstance(event, events.ArtifactStored) and (
        media.name_of(event.name) != event.name
        or media.type_of(event.content_type) != event.content_type
        or event.size < 0
        or event.version < 1
    ):
        raise Invalid(f"Version {line.version}: no artifact is stored like that.")


def _decimals(event: Event) -> Iterable[Decimal]:
    if isinstance(event, events.MessageAdded):  # most events are, and it has none
        return
    todo: list[Any] = [msgspec.to_builtins(event, builtin_types=(Decimal,))]
    while todo:
        value = todo.pop()
        if isinstance(value, Decimal):
            yield value
        elif isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
