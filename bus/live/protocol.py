"""The WebSocket protocol as tables: its methods with their parameters and results, its close codes. docs/protocol.md
says the same in words; descriptions for machines are made from here."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from bus.messages import KEY_PATTERN, Actor
from bus.topics import Filter

SUBPROTOCOL = "parley.v1"
MAX_FRAME = 64 * 1024
MAX_SUBSCRIPTIONS = 50

READ = "sessions:read"
"""The scope that a caller with limited rights needs to be told anything of a session."""

Topics = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=50)]
Filters = Annotated[list[Filter], Meta(max_length=20)]
Path = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_\-]{1,100}(\.[A-Za-z0-9_\-]{1,100}){0,7}\Z")]
Fields = Annotated[list[Path], Meta(max_length=20)]


class Caller(msgspec.Struct, frozen=True):
    """Who is calling. `scopes` None: whatever the actor may; `expires_at` None: until the login ends."""

    actor: Actor
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None

    def has(self, scope: str) -> bool:
        """Whether the caller's rights reach so far; no scope is needed for what is about the socket itself."""
        return not scope or self.scopes is None or scope in self.scopes or "*" in self.scopes


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One frame from a client."""

    method: str
    id: int | str | None = None
    params: dict[str, Any] = {}


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of `session` and `user`: a session, or the caller's own account with the changes of the list of
    sessions. `after` is the last version the client has; null: from now on. `fields` are the paths wanted of each
    event (besides type and version); none: all. `presence`: also tell who else watches."""

    session: UUID | None = None
    user: bool = False
    after: int | None = None
    topics: Topics = []
    filters: Filters = []
    fields: Fields = []
    presence: bool = False


class Subscribed(msgspec.Struct, frozen=True):
    """`head` is the version the log has; with `reset` it does not go on from `after`."""

    subscription: str
    head: int
    recovered: bool
    reset: bool | UnsetType = UNSET


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which subscription is to end."""

    subscription: str


class RunCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public command, as over REST."""

    name: str
    payload: dict[str, Any] = {}
    idempotency_key: Annotated[str, Meta(pattern=KEY_PATTERN)] | None = None
    expected_version: int | None = None


class CommandDone(msgspec.Struct, frozen=True):
    """`version` is the session's after the command; null where it was queued, or recorded nothing."""

    command_id: UUID | None
    version: int | None
    data: Any


class Authenticate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another token of the same person or account, before the present one expires."""

    token: Annotated[str, Meta(max_length=500)]


class Authenticated(msgspec.Struct, frozen=True):
    """Until when the token is good; null: for ever."""

    expires_at: datetime | None


class AskPresence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which session."""

    session: UUID


class Watcher(msgspec.Struct, frozen=True):
    """Somebody who watches a session, with so many sockets."""

    actor: Actor
    sockets: int


class Presence(msgspec.Struct, frozen=True):
    """Who watches; null: nobody can tell right now."""

    watchers: list[Watcher] | None


class Ended(msgspec.Struct, frozen=True):
    """A subscription is no more, though its socket goes on: `code` as a socket would be closed with."""

    code: int
    reason: str


class Nothing(msgspec.Struct, frozen=True):
    """An empty object."""


class Method(NamedTuple):
    """What a client may ask. `params` None: they are not looked at. `scope`: what a token needs ('' : nothing)."""

    name: str
    params: type[msgspec.Struct] | None
    result: type[msgspec.Struct]
    scope: str
    meaning: str


METHODS = {
    method.name: method
    for method in (
        Method("subscribe", Subscribe, Subscribed, READ, "Be told of events, from a version on."),
        Method("unsubscribe", Unsubscribe, Unsubscribe, "", "End a subscription."),
        Method("command", RunCommand, CommandDone, "", "Run a public command; its own scope is needed."),
        Method("presence", AskPresence, Presence, READ, "Who watches a session now."),
        Method("authenticate", Authenticate, Authenticated, "", "Go on with another token of the same actor."),
        Method("ping", None, Nothing, "", "Nothing; the answer shows that the server is there."),
    )
}


class CloseCode:
    """The close codes of the protocol. Below 4400: come back; from 4400 on: stay away."""

    GOING_AWAY: ClassVar[int] = 4001
    EXPIRED: ClassVar[int] = 4005
    TOO_SLOW: ClassVar[int] = 4008
    RESTORED: ClassVar[int] = 4010
    UNAVAILABLE: ClassVar[int] = 4013
    BAD_FRAME: ClassVar[int] = 4400
    UNAUTHENTICATED: ClassVar[int] = 4401
    FORBIDDEN: ClassVar[int] = 4403
    UNKNOWN: ClassVar[int] = 4404
    TOO_MANY: ClassVar[int] = 4409


CLOSES = {
    CloseCode.GOING_AWAY: "the server is going away",
    CloseCode.EXPIRED: "the token has expired",
    CloseCode.TOO_SLOW: "you read too slowly",
    CloseCode.RESTORED: "the log was restored from an older copy",
    CloseCode.UNAVAILABLE: "the log cannot be read right now, or you send too many frames",
    CloseCode.BAD_FRAME: "that was no acceptable frame",
    CloseCode.UNAUTHENTICATED: "not logged in, or no longer",
    CloseCode.FORBIDDEN: "permission withdrawn",
    CloseCode.UNKNOWN: "unknown session or address",
    CloseCode.TOO_MANY: "you have too many sockets open",
}
"""What each means, as docs/protocol.md says it."""


class Hangup(Exception):
    """End the connection with a close code and a reason."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason or CLOSES[code]
