"""One socket: its subscriptions, its bounded outbox, its methods. Speaks the protocol of docs/protocol.md; the consumer
gives it a transport."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Protocol
from uuid import UUID

import msgspec

from bus import observe, untrusted
from bus.bus import bus
from bus.exceptions import BusError, CannotResume, Invalid, Malformed, NotFound, SubscriberTooSlow
from bus.live import hub as hubs
from bus.live.frames import Frame
from bus.live.outbox import Outbox
from bus.live.subscription import Subscription
from bus.messages import KEY_PATTERN, Actor, Context
from bus.topics import Filter

MAX_FRAME = 64 * 1024
MAX_SUBSCRIPTIONS = 50


class CloseCode:
    """The close codes of the protocol. Below 4400: come back; from 4400 on: stay away."""

    GOING_AWAY: ClassVar[int] = 4001
    TOO_SLOW: ClassVar[int] = 4008
    RESTORED: ClassVar[int] = 4010
    UNAVAILABLE: ClassVar[int] = 4013
    BAD_FRAME: ClassVar[int] = 4400
    UNAUTHENTICATED: ClassVar[int] = 4401
    FORBIDDEN: ClassVar[int] = 4403
    UNKNOWN: ClassVar[int] = 4404


class Hangup(Exception):
    """End the connection with a close code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class MayRead(Protocol):
    """Answers whether an actor may read a session."""

    async def __call__(self, actor: Actor, session: UUID) -> bool:
        """Deny unless allowed."""


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of `subscribe`."""

    session: UUID
    after: int | None = None
    topics: list[str] = []
    filters: list[Filter] = []


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of `unsubscribe`."""

    subscription: str


class RunCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of `command`."""

    name: str
    payload: dict[str, Any] = {}
    idempotency_key: Annotated[str, msgspec.Meta(pattern=KEY_PATTERN)] | None = None
    expected_version: int | None = None


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One frame from a client."""

    method: str
    id: int | str | None = None
    params: dict[str, Any] = {}


class _Wrapped:
    """The text of the frame being fanned out, made once per subscription name (nearly all are called `s1`)."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._texts: dict[str, str] = {}

    def text(self, frame: Frame, name: str) -> str:
        if frame is not self._frame:
            self._frame, self._texts = frame, {}
        text = self._texts.get(name)
        if text is None:
            kind = "event" if frame.version else "notice"
            text = self._texts[name] = f'{{"subscription":"{name}","{kind}":{frame.body.decode()}}}'
        return text


_wrapped = _Wrapped()


class SocketSink:
    """Puts a subscription's frames into the socket's outbox."""

    def __init__(self, outbox: Outbox[str], name: str) -> None:
        self._outbox = outbox
        self._name = name

    def put(self, frame: Frame) -> bool:
        """Queue a frame, wrapped for this subscription."""
        return self._outbox.put(_wrapped.text(frame, self._name), frame.size)

    async def room(self) -> None:
        """Wait until half the outbox is free."""
        await self._outbox.room()

    @property
    def crowded(self) -> bool:
        """Whether deltas should be left out."""
        return self._outbox.crowded


class Connection:
    """Give it each received frame with `receive`; send what `outbox.get()` yields until it raises Hangup."""

    def __init__(self, actor: Actor, may_read: MayRead, limits: tuple[int, int]) -> None:
        self.actor = actor
        self.authenticated_at = asyncio.get_running_loop().time()
        self.outbox: Outbox[str] = Outbox(*limits)
        self._may_read = may_read
        self._subscriptions: dict[str, Subscription] = {}
        self._count = 0
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "subscribe": lambda params: self.subscribe(untrusted.convert(params, Subscribe)),
            "unsubscribe": lambda params: self._unsubscribe(untrusted.convert(params, Unsubscribe)),
            "command": lambda params: self._command(untrusted.convert(params, RunCommand)),
            "ping": self._ping,
        }

    async def receive(self, text: str | None, data: bytes | None) -> None:
        """Handle one frame and queue its answer. A frame that is no request ends the connection."""
        ident: int | str | None = None
        try:
            raw = data if text is None else text.encode("utf-8", "surrogatepass")
            request = untrusted.convert(untrusted.decode(raw or b"", limit=MAX_FRAME), Request)
            ident = request.id
            if request.method not in self._methods:
                raise Invalid(f"There is no method {request.method[:40]!r}; use {', '.join(sorted(self._methods))}.")
            result = await self._methods[request.method](request.params)
            self.reply({"id": ident, "result": result})
        except BusError as error:
            self.reply({"id": ident, "error": error.as_problem()})
            if isinstance(error, Malformed):
                self.hang_up(CloseCode.BAD_FRAME, error.detail, after_queue=True)

    def reply(self, message: dict[str, Any]) -> None:
        """Queue an answer; a client that does not read its answers is too slow."""
        text = msgspec.json.encode(message).decode()
        if not self.outbox.put(text, len(text)):
            self.drop(SubscriberTooSlow())

    async def subscribe(self, wanted: Subscribe) -> dict[str, Any]:
        """Begin a subscription. Raises NotFound for a session that is not there for this actor."""
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Invalid(f"A socket holds at most {MAX_SUBSCRIPTIONS} subscriptions.")
        if not await self._may_read(self.actor, wanted.session):
            raise NotFound(f"There is no session {wanted.session}.")
        self._count += 1
        name = f"s{self._count}"
        made = Subscription(
            wanted.session,
            SocketSink(self.outbox, name),
            topics=wanted.topics,
            filters=wanted.filters,
            on_drop=self.drop,
        )
        resumed = {"recovered": wanted.after is not None}
        try:
            head = await hubs.hub().attach(made, wanted.after)
        except CannotResume:  # never silently incomplete: what the client has is void, events go on from the head
            head, resumed = await hubs.hub().attach(made, None), {"recovered": False, "reset": True}
        self._subscriptions[name] = made
        return {"subscription": name, "head": head, **resumed}

    async def _unsubscribe(self, wanted: Unsubscribe) -> dict[str, Any]:
        made = self._subscriptions.pop(wanted.subscription, None)
        if made is None:
            raise NotFound(f"There is no subscription {wanted.subscription[:40]!r} on this socket.")
        hubs.hub().detach(made)
        return {"subscription": wanted.subscription}

    async def _command(self, wanted: RunCommand) -> dict[str, Any]:
        command = bus.registry.public_command(wanted.name, wanted.payload)
        context = Context(
            actor=self.actor, idempotency_key=wanted.idempotency_key, expected_version=wanted.expected_version
        )
        if command.runs_in == "worker":
            return {"command_id": await bus.aenqueue(command, context), "version": None, "data": None}
        result = await bus.aexecute(command, context)
        return {"command_id": result.command_id, "version": result.version, "data": result.data}

    async def _ping(self, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    def drop(self, reason: Exception) -> None:
        """A subscription could not go on: the whole connection ends, and the client comes back with its version."""
        if isinstance(reason, SubscriberTooSlow):
            observe.SUBSCRIBERS_DROPPED.inc()
            self.hang_up(CloseCode.TOO_SLOW, reason.detail)
        elif isinstance(reason, CannotResume):
            self.hang_up(CloseCode.RESTORED, "the log was restored from an older copy; begin anew")
        else:
            self.hang_up(CloseCode.UNAVAILABLE, "the log cannot be read right now; come back")

    def hang_up(self, code: int, reason: str, *, after_queue: bool = False) -> None:
        """End the connection, dropping what is queued unless `after_queue`."""
        self.outbox.close(Hangup(code, reason), keep=after_queue)

    def close(self) -> None:
        """The socket is gone."""
        for made in self._subscriptions.values():
            hubs.hub().detach(made)
        self._subscriptions.clear()
