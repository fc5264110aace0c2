"""One socket: its subscriptions, its bounded outbox, its methods. Speaks the protocol of docs/protocol.md; the consumer
gives it a transport."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import msgspec

from bus import observe, untrusted
from bus.bus import bus
from bus.exceptions import BusError, CannotResume, InsufficientScope, Invalid, Malformed, NotFound, SubscriberTooSlow
from bus.live import hub as hubs
from bus.live import protocol
from bus.live.identity import Credential, Identity
from bus.live.outbox import Outbox
from bus.live.protocol import MAX_FRAME, MAX_SUBSCRIPTIONS, METHODS, READ, CloseCode, Hangup, Subscribe, Subscribed
from bus.live.sink import SocketSink
from bus.live.subscription import Subscription
from bus.messages import Actor, Context

WITHDRAWN = protocol.Ended(CloseCode.FORBIDDEN, protocol.CLOSES[CloseCode.FORBIDDEN])


class Rights(Protocol):
    """What the application knows of its people and their sessions."""

    async def readable(self, actor: Actor, sessions: Sequence[UUID]) -> Collection[UUID]:
        """Those of the sessions that the actor may read; deny unless allowed."""

    def credential_of(self, token: str) -> Credential:
        """The credential that a token is."""

    def account_of(self, actor: Actor) -> UUID:
        """The stream of the actor's own account."""

    async def follow_list(self, actor: Actor) -> None:
        """From now on, tell the readers of the actor's account of changes in the actor's list of sessions."""


class Connection:
    """Give it each received frame with `receive`; send what `outbox.get()` yields until it raises Hangup."""

    def __init__(self, identity: Identity, rights: Rights, limits: tuple[int, int]) -> None:
        self.identity = identity
        self.outbox: Outbox[str] = Outbox(*limits)
        self._doubted = asyncio.Event()
        self._rights = rights
        self._subscriptions: dict[str, Subscription] = {}
        self._count = self._doubts = 0
        self._methods: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "subscribe": self.subscribe,
            "unsubscribe": self._unsubscribe,
            "command": self._command,
            "presence": self._presence,
            "authenticate": self._authenticate,
            "ping": self._ping,
        }

    @property
    def actor(self) -> Actor:
        """Who is calling."""
        return self.identity.caller.actor

    async def receive(self, text: str | None, data: bytes | None) -> None:
        """Handle one frame and queue its answer. A frame that is no request ends the connection."""
        ident: int | str | None = None
        try:
            raw = data if text is None else text.encode("utf-8", "surrogatepass")
            request = untrusted.convert(untrusted.decode(raw or b"", limit=MAX_FRAME), protocol.Request)
            ident = request.id
            self.reply({"id": ident, "result": await self._answer(request)})
        except BusError as error:
            self.reply({"id": ident, "error": error.as_problem()})
            if isinstance(error, Malformed):
                self.hang_up(CloseCode.BAD_FRAME, error.detail, after_queue=True)

    async def _answer(self, request: protocol.Request) -> Any:
        method = METHODS.get(request.method)
        if method is None:
            raise Invalid(f"There is no method {request.method[:40]!r}; use {', '.join(sorted(METHODS))}.")
        self._check_scope(method.scope)
        params = untrusted.convert(request.params, method.params) if method.params else None
        return await self._methods[method.name](params)

    def _check_scope(self, scope: str) -> None:
        if not self.identity.caller.has(scope):
            raise InsufficientScope([scope])

    def reply(self, message: dict[str, Any]) -> None:
        """Queue an answer; a client that does not read its answers is too slow."""
        text = msgspec.json.encode(message).decode()
        if not self.outbox.put(text, len(text)):
            self.drop(SubscriberTooSlow())

    # -- methods -------------------------------------------------------------------------------------------------------

    async def subscribe(self, wanted: Subscribe) -> Subscribed:
        """Begin a subscription. Raises NotFound for a session that is not there for this actor."""
        self._check_scope(READ)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise Invalid(f"A socket holds at most {MAX_SUBSCRIPTIONS} subscriptions.")
        doubts = self._doubts
        stream = await self._stream_of(wanted)
        self._count += 1
        name = f"s{self._count}"
        made = Subscription(
            stream,
            SocketSink(self.outbox, name, wanted.fields),
            topics=wanted.topics,
            filters=wanted.filters,
            on_drop=self.drop,
        )
        recovered: dict[str, bool] = {"recovered": wanted.after is not None}
        try:
            head = await hubs.hub().attach(made, wanted.after)
        except CannotResume:  # never silently incomplete: what the client has is void, events go on from the head
            head, recovered = await hubs.hub().attach(made, None), {"recovered": False, "reset": True}
        self._subscriptions[name] = made
        if wanted.user:
            await self._rights.follow_list(self.actor)
        else:
            hubs.hub().presence.join(made, self.actor, self, told=wanted.presence)
        if self._doubts != doubts:
            self._doubted.set()  # rights were withdrawn while this began
        return Subscribed(subscription=name, head=head, **recovered)

    async def _stream_of(self, wanted: Subscribe) -> UUID:
        if (wanted.session is None) != wanted.user:
            raise Invalid("Name either a 'session', or say '\"user\": true'.")
        if wanted.session is None:
            return self._rights.account_of(self.actor)
        return await self._checked(wanted.session)

    async def _checked(self, session: UUID) -> UUID:
        if session not in await self._rights.readable(self.actor, [session]):
            raise NotFound(f"There is no session {session}.")
        return session

    async def _unsubscribe(self, wanted: protocol.Unsubscribe) -> protocol.Unsubscribe:
        if wanted.subscription not in self._subscriptions:
            raise NotFound(f"There is no subscription {wanted.subscription[:40]!r} on this socket.")
        self._end(wanted.subscription)
        return wanted

    async def _command(self, wanted: protocol.RunCommand) -> protocol.CommandDone:
        command = bus.registry.public_command(wanted.name, wanted.payload)
        context = Context(
            actor=self.actor,
            idempotency_key=wanted.idempotency_key,
            expected_version=wanted.expected_version,
            scopes=self.identity.caller.scopes,
        )
        if command.runs_in == "worker":
            return protocol.CommandDone(command_id=await bus.aenqueue(command, context), version=None, data=None)
        result = await bus.aexecute(command, context)
        return protocol.CommandDone(command_id=result.command_id, version=result.version, data=result.data)

    async def _presence(self, wanted: protocol.AskPresence) -> protocol.Presence:
        return await hubs.hub().presence.watchers(await self._checked(wanted.session))

    async def _authenticate(self, wanted: protocol.Authenticate) -> protocol.Authenticated:
        await self.identity.renew(self._rights.credential_of(wanted.token))
        self.doubt()  # it may reach less far than the one before
        return protocol.Authenticated(expires_at=self.identity.caller.expires_at)

    async def _ping(self, params: None) -> protocol.Nothing:
        return protocol.Nothing()

    # -- ends ----------------------------------------------------------------------------------------------------------

    def doubt(self) -> None:
        """The caller's rights may have become fewer: somebody is to look at once."""
        self._doubts += 1
        self._doubted.set()

    async def doubted_within(self, seconds: float) -> bool:
        """Whether there was a doubt; waits so long for one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._doubted.wait()
        doubted = self._doubted.is_set()
        self._doubted.clear()
        return doubted

    async def look_again(self) -> None:
        """Whether this may go on: raises Hangup where nobody is calling any more. Subscriptions to what may not be read
        any more end, and with the last one the connection."""
        await self.identity.still(within=-1.0)
        streams = {made.stream for made in self._subscriptions.values()} - {self._rights.account_of(self.actor)}
        kept: Collection[UUID] = await self._rights.readable(self.actor, list(streams)) if streams else ()
        reading = self.identity.caller.has(READ)
        lost = [name for name, made in self._subscriptions.items() if not reading or made.stream in streams - {*kept}]
        for name in lost:
            self._end(name)
            self.reply({"subscription": name, "ended": WITHDRAWN})
        if lost and not self._subscriptions:
            self.hang_up(WITHDRAWN.code, WITHDRAWN.reason, after_queue=True)

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

    def _end(self, name: str) -> None:
        made = self._subscriptions.pop(name)
        hubs.hub().detach(made)
        hubs.hub().presence.leave(made)

    def close(self) -> None:
        """The socket is gone."""
        for name in tuple(self._subscriptions):
            self._end(name)
