"""Who handles, projects, reacts and subscribes: four decorators over one table, read by the bus and the log."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import msgspec

from bus import topics, untrusted
from bus.exceptions import NoHandler, PluginDisabled, RegistrationError
from bus.messages import IMPORTED, Command, Context, Envelope, ErrorOccurred, Event
from bus.switch import Switch

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)
F = TypeVar("F", bound=Callable[..., Any])

Handler = Callable[[Any, Context], Any]


class Condition(NamedTuple):
    """What must hold of the session `%(stream)s`, as SQL (constant text, for a WHERE) and its other named values. Not
    joined to the statement's own tables: by itself it is looked up once and costs the planner nothing."""

    sql: str
    values: Mapping[str, Any] = {}


class Guard(msgspec.Struct, frozen=True):
    """Looks at every command before its handler does: `check` raises what it is refused with. `condition` says the
    same as SQL, for commands that are one statement; None where that cannot be said of this command."""

    check: Callable[[Command, Context], None]
    condition: Callable[[Command, Context], Condition | None] = lambda *_: None


class SqlProjection(msgspec.Struct, frozen=True):
    """Data-modifying statements that read the relation `appended` (rows of the log). Set-based, so that the append
    can carry them in its own statement and a replay can run them over thousands of events at once."""

    statements: tuple[str, ...]


class Reaction(msgspec.Struct, frozen=True):
    """A plugin's in-transaction answer to an event: may yield further events. `required` aborts when it fails; instead
    of another that fails, `otherwise` is called, which must not."""

    name: str
    function: Callable[[Any, Envelope], Any]
    required: bool
    plugin: str = ""
    otherwise: Callable[[Any, Envelope], None] | None = None


class Subscriber(msgspec.Struct, frozen=True):
    """A durable subscriber: called in a worker, at least once per event, in log order, from its stored cursor; of what
    came in a file, only with `imported`."""

    name: str
    topics: tuple[str, ...]
    function: Callable[[Envelope], Any]
    max_attempts: int
    plugin: str = ""
    imported: bool = False

    def wants(self, event_type: str) -> bool:
        """Whether the event's type is among the subscriber's topics."""
        return topics.matcher(self.topics)(event_type)

    def takes(self, envelope: Envelope) -> bool:
        """Whether it is to be called with this event."""
        return self.wants(envelope.type) and (self.imported or envelope.actor.type != IMPORTED)


class Registry:
    """The table. One default instance serves the application; tests and in-process buses make their own."""

    def __init__(self) -> None:
        self.commands: dict[str, type[Command]] = {}
        self.events: dict[str, type[Event]] = {}
        self.handlers: dict[type[Command], Handler] = {}
        self.projections: dict[str, list[Callable[[Any, Envelope], None] | SqlProjection]] = {}
        self.projection_models: list[Any] = []
        self.reactions: dict[str, list[Reaction]] = {}
        self.subscribers: dict[str, Subscriber] = {}
        self.guards: list[Guard] = []
        self.plugins: dict[type[Command], str] = {}
        self.plugin = ""
        self.switch = Switch()
        self.register_event(ErrorOccurred)

    # -- the four decorators -------------------------------------------------------------------------------------

    def handles(self, command: type[C]) -> Callable[[F], F]:
        """The one handler of a command: `(command, context)`, yields events, returns the result's data."""

        def register(function: F) -> F:
            if self.commands.setdefault(command.type, command) is not command:
                raise RegistrationError(f"Two command classes are called {command.type!r}.")
            if command in self.handlers:
                raise RegistrationError(f"{command.type} already has the handler {self.handlers[command].__name__}.")
            self.handlers[command] = function
            if self.plugin:
                self.plugins[command] = self.plugin
            return function

        return register

    def projects(self, *event_types: type[Event], sql: tuple[str, ...] = ()) -> Callable[[F], F]:
        """A writer of rows: `(event, envelope)`. With `sql`, set-based statements instead; nothing to decorate."""
        for event_type in event_types:
            self.register_event(event_type)
            if sql:
                self.projections.setdefault(event_type.type, []).append(SqlProjection(sql))

        def register(function: F) -> F:
            for event_type in event_types:
                self.projections.setdefault(event_type.type, []).append(function)
            return function

        return register

    def reacts_to(
        self,
        *event_types: type[Event],
        required: bool = False,
        otherwise: Callable[[Any, Envelope], None] | None = None,
    ) -> Callable[[F], F]:
        """An in-transaction reaction: `(event, envelope)`, may yield further events of the same session. When it, or
        the recording of its events, fails, nothing of it is kept and `otherwise` is called."""

        def register(function: F) -> F:
            name = f"{function.__module__}.{function.__name__}"
            reaction = Reaction(name, function, required, self.plugin, otherwise)
            for event_type in event_types:
                self.register_event(event_type)
                self.reactions.setdefault(event_type.type, []).append(reaction)
            return function

        return register

    def subscribes_to(
        self, *topics: str, name: str = "", max_attempts: int = 5, imported: bool = False
    ) -> Callable[[F], F]:
        """A durable subscriber: `(envelope)`, called in a worker after the commit, retried, then parked. With
        `imported` also with events that came in a file: they happened elsewhere, and nothing is to follow from them."""

        def register(function: F) -> F:
            key = name or f"{function.__module__}.{function.__name__}"
            if key in self.subscribers:
                raise RegistrationError(f"There is already a subscriber called {key!r}.")
            self.subscribers[key] = Subscriber(key, topics, function, max_attempts, self.plugin, imported)
            return function

        return register

    # -- plugins ---------------------------------------------------------------------------------------------------

    @contextmanager
    def loading(self, plugin: str) -> Iterator[None]:
        """What is registered within is that plugin's."""
        before, self.plugin = self.plugin, plugin
        try:
            yield
        finally:
            self.plugin = before

    def copied(self) -> dict[str, Any]:
        """What is registered now."""
        kept: dict[str, Any] = {
            name: value.copy() for name, value in vars(self).items() if isinstance(value, dict | list)
        }
        lines = {name: {key: list(line) for key, line in kept[name].items()} for name in ("projections", "reactions")}
        return kept | lines

    def restore(self, before: dict[str, Any]) -> None:
        """Only what was registered then is."""
        vars(self).update(before)

    # -- what the bus asks -----------------------------------------------------------------------------------------

    def register_event(self, event_type: type[Event]) -> None:
        """Make an event type storable: from now on it is recorded in the log when it is published."""
        if self.events.setdefault(event_type.type, event_type) is not event_type:
            raise RegistrationError(f"Two event classes are called {event_type.type!r}.")

    def register_events(self, module: Any) -> None:
        """Every event class defined in a module or package (an application's `events`)."""
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Event) and _within(value.__module__, module.__name__):
                self.register_event(value)

    def handler_for(self, command: Command) -> Handler:
        """The command's handler. Raises NoHandler, or PluginDisabled where its plugin is switched off."""
        try:
            handler = self.handlers[type(command)]
        except KeyError:
            raise NoHandler(f"No handler is registered for the command {command.type!r}.") from None
        plugin = self.plugins.get(type(command), "")
        if plugin and self.switch.off(plugin):
            raise PluginDisabled(f"{command.type} belongs to the plugin {plugin}, which is switched off.")
        return handler

    def command(self, name: str, payload: Any) -> Command:
        """A command from its name and plain values. Raises NoHandler or Invalid (with pointers)."""
        try:
            kind = self.commands[name]
        except KeyError:
            raise NoHandler(f"There is no command {name[:60]!r}.") from None
        untrusted.check(payload)
        return untrusted.convert(payload, kind)

    def public_command(self, name: str, payload: Any) -> Command:
        """A command somebody outside asks for. What is not offered there is refused in the words for what is unknown,
        before its payload is looked at. Raises NoHandler or Invalid."""
        kind = self.commands.get(name)
        if kind is None or not kind.public or kind.staff_only:
            raise NoHandler(f"There is no command {name[:60]!r}.")
        return self.command(name, payload)

    def open(self, envelope: Envelope) -> Event:
        """The typed event inside an envelope, upcast to the present schema. Of a newer schema, which a newer version
        has written during an upgrade, the fields known here: schemas only grow."""
        kind = self.events[envelope.type]
        values = envelope.fields()
        if envelope.schema < kind.schema:
            values = upcast(kind, envelope.schema, values)
        elif envelope.schema > kind.schema:
            values = {name: values[name] for name in kind.__struct_fields__ if name in values}
        return msgspec.convert({**values, "session_id": envelope.session_id}, kind)

    def chain(self, event_type: str) -> Iterator[Callable[[Any, Envelope], None] | SqlProjection]:
        """The projections of an event type, in the order of their registration."""
        return iter(self.projections.get(event_type, ()))


def _within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def upcast(kind: type[Event], schema: int, values: dict[str, Any]) -> dict[str, Any]:
    """Old values brought to the class's `schema` by its static methods `upcast_v1_v2`, `upcast_v2_v3`, ..."""
    while schema < kind.schema:
        values = getattr(kind, f"upcast_v{schema}_v{schema + 1}")(values)
        schema += 1
    return values


default = Registry()
handles = default.handles
projects = default.projects
reacts_to = default.reacts_to
subscribes_to = default.subscribes_to
