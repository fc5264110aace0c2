"""The vocabulary: Command, Event, Notice, CommandResult, Envelope. Plain frozen structs; imports no framework."""

import re
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

__all__ = [
    "ERASED",
    "IMPORTED",
    "KEY_PATTERN",
    "SYSTEM",
    "Actor",
    "Command",
    "CommandResult",
    "Context",
    "Delta",
    "Envelope",
    "ErrorOccurred",
    "Event",
    "Message",
    "Notice",
    "Once",
    "SessionCommand",
    "SessionEndEvent",
    "StrictMeta",
    "TraceEvent",
    "changed",
    "kebab",
    "uuid7",
]


def kebab(name: str) -> str:
    """`AddMessage` → `add-message`; a trailing `Command`, `Event` or `Notice` says nothing new and is dropped."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()
    return re.sub(r"-(command|event|notice)$", "", words)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class StrictMeta(msgspec.StructMeta):
    """Makes structs frozen, keyword-only and strict about unknown fields, without saying so in each class."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        for option in ("kw_only", "frozen", "forbid_unknown_fields"):
            config.setdefault(option, True)
        # the root gets Struct as its base, and with it equality and a repr; type checkers must not see it, or they
        # would take Struct's positional defaults for ours
        return super().__new__(mcls, name, bases or (msgspec.Struct,), namespace, **config)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class MessageMeta(StrictMeta):
    """Names every message after its class."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        namespace.setdefault("type", kebab(name))
        return super().__new__(mcls, name, bases, namespace, **config)


class Message(metaclass=MessageMeta):
    """What travels on the bus. `type` is the kebab-case name used in the log, REST, sockets and topics."""

    type: ClassVar[str]


V = TypeVar("V")


def changed(value: V, **fields: Any) -> V:
    """A copy of a message or value with other field values (`msgspec.structs.replace`, for types checkers too)."""
    replaced: V = msgspec.structs.replace(value, **fields)  # type: ignore[type-var]
    return replaced


class Command(Message):
    """A request that may be refused. Has exactly one handler.

    Class attributes: `public`: callable from outside by name; `runs_in`: `request` answers at once, `worker` is
    always queued; `commutes`: decides nothing from the session's present state, so the session row is locked only
    by the append itself; `creates`: the session it names need not exist yet; `staff_only`: for operators;
    `tolerates_absence`: answers also for a session that is not there (for this actor); `at_once`: `commutes`, is
    frequent, and its handler only reads and yields, so that it may be recorded in a single statement; `for_others`: not
    `public`, but the server's own code gives it in the name of the person it works for; `opens`: is about no session,
    its events name their stream, which begins with the first of them; `scope`: what a token needs for it; `access`:
    what its actor must be allowed to do with the session it names (`own`: everything; `erase`: though it was deleted);
    `parts`: its actor may lose the session by it, and is told the result again all the same; `most_events`: how many
    more events than others it may bring.
    """

    public: ClassVar[bool] = True
    runs_in: ClassVar[Literal["request", "worker"]] = "request"
    commutes: ClassVar[bool] = False
    creates: ClassVar[bool] = False
    staff_only: ClassVar[bool] = False
    tolerates_absence: ClassVar[bool] = False
    at_once: ClassVar[bool] = False
    for_others: ClassVar[bool] = False
    opens: ClassVar[bool] = False
    scope: ClassVar[str] = ""
    access: ClassVar[Literal["read", "change", "own", "erase"]] = "change"
    parts: ClassVar[bool] = False
    most_events: ClassVar[int] = 0

    session_id: UUID | None = None

    def needs(self) -> tuple[str, ...]:
        """The scopes it takes, where more than `scope` depends on what is asked. Without a scope only `*` will do."""
        return (self.scope,)

    def prepare(self) -> None:
        """What the handler needs of the world outside, asked for before the transaction; may wait. Rarely needed."""


class SessionCommand(Command):
    """A command about one session, which must be named."""

    session_id: UUID


class Event(Message):
    """Something that happened. Stored and versioned when its type is registered; `schema` grows with its shape."""

    schema: ClassVar[int] = 1
    ends_tail: ClassVar[str] = ""
    """The field naming the growing text (see Delta) that this event completes, if it completes one."""
    begins_tail: ClassVar[str] = ""
    """The field naming the growing text that begins anew with this event."""

    session_id: UUID | None = None


class Notice(Message):
    """Something to show and forget: token deltas, progress. Never stored."""

    session_id: UUID | None = None


class Delta(Notice):
    """The next piece of a growing text: `offset` counts the characters (code points) before it. The hub puts deltas
    in order, closes gaps from the stored tail, and gives a newcomer the text so far. Of two attempts at the same text
    the higher one counts; an event with `begins_tail` names its attempt too."""

    key: UUID
    attempt: int = 1
    offset: int
    text: str


class Actor(msgspec.Struct, frozen=True):
    """Who acts: `user`, `staff` (in the admin), `plugin` or `system`, and its id there."""

    type: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.type}:{self.id}" if self.id else self.type

    @classmethod
    def parse(cls, text: str) -> "Actor":
        """The inverse of `str()`."""
        kind, _, ident = text.partition(":")
        return cls(kind, ident)


SYSTEM = Actor("system")
IMPORTED = "imported"
"""The type of the actor of an event that was not recorded here but came in a file; its id is what the file says."""

ERASED = 0
"""The schema of events whose content was erased."""

KEY_PATTERN = r"^[\x21-\x7e]{1,200}\Z"
"""What an idempotency key may be: printable ASCII, and no more than its column holds."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler is told beside its command. `idempotency_key` makes a repeat return the first result; `scopes` are
    those of the token that asks (None: no token, or one for all)."""

    actor: Actor = SYSTEM
    command_id: UUID = msgspec.field(default_factory=uuid7)
    correlation_id: str = ""
    causation_id: UUID | None = None
    expected_version: int | None = None
    idempotency_key: str | None = None
    scopes: frozenset[str] | None = None


class Once(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler returns that has something to say once: `kept` is the result's data, stored for repeats; `told` is
    in the first caller's result only and stored nowhere."""

    kept: Any
    told: dict[str, str]


class CommandResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a command: `version` is the session's version after it (None: nothing was recorded), `once` what a
    handler tells the first caller only."""

    success: bool
    original_command: Any = None
    data: Any = None
    error: str | None = None
    command_id: UUID | None = None
    version: int | None = None
    problem: dict[str, Any] | None = None
    events: tuple["Envelope", ...] = ()
    once: dict[str, str] | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded event as everyone sees it: the log, REST, SSE, WebSocket. `data` stays encoded until needed."""

    id: UUID
    type: str
    schema: int
    session_id: UUID | None
    version: int
    position: int
    recorded_at: datetime
    actor: Actor
    causation_id: UUID | None
    correlation_id: str
    data: msgspec.Raw

    @property
    def stream(self) -> UUID:
        """The session whose log it is in; every stored event has one."""
        if self.session_id is None:
            raise ValueError(f"{self.type} was not stored")
        return self.session_id

    @property
    def erased(self) -> bool:
        """Whether what it said is gone: its data are only the hash of what they were, and cannot be opened."""
        return self.schema == ERASED

    def fields(self) -> dict[str, Any]:
        """The payload as plain JSON values."""
        decoded: dict[str, Any] = msgspec.json.decode(self.data)
        return decoded


class SessionEndEvent(Event):
    """A scope was left and its handlers are gone. Seen in the process, not stored."""

    type = "session-end"


class ErrorOccurred(Event):
    """Something failed that cannot be mended by trying again; recorded where the operator and the owner see it."""

    source: str
    error: str
    command_id: UUID | None = None


class TraceEvent(Notice):
    """One handled command, for whoever watches the topic `trace-event`."""

    type = "trace-event"

    name: str
    milliseconds: float
    events: int
