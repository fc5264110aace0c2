"""Agent coordination: sessions of one owner write to each other and get answers, through the bus.

`SendToSession` is recorded in the sender's log; a durable subscriber delivers it as a message of the receiver, asks for
a run where an answer is wanted, and brings that run's answer back to the sender. Delivering twice does nothing more."""

import time
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from django.conf import settings
from msgspec import Meta

from bus import sql
from bus.bus import bus
from bus.exceptions import AlreadyExists, Forbidden, Invalid, NotFound, Refused
from bus.messages import Actor, Context, Envelope, Event, SessionCommand, uuid7
from bus.registry import handles, subscribes_to
from sessions_app import commands, events, queries, rights
from sessions_app.accounts.scopes import with_answer
from sessions_app.llm.tools import ToolContext, tool
from sessions_app.models import Message, Run, Session
from sessions_app.values import Content, TextPart, parts, text_of, to_content

NOTE = "coordination"
"""Where messages and runs say in their metadata what they belong to."""
LONGEST_WAIT = 30
POLL = 0.2
OURS = Actor("plugin", NOTE)
MOST_SENT = 30
"""Messages one session sends in a minute: a model's loop may call a tool for hours, and each starts a run elsewhere."""
MOST_READ = 1_000
"""Events of the log that are looked through for them. So many others in between are slow enough."""
ENDS = tuple(kind.type for kind in events.RUN_ENDS)


class Note(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """What a delivered message and its run belong to: the session it came from, the message, how often it was passed
    on, and which message it replies to."""

    sender: UUID
    message: UUID
    hops: Annotated[int, Meta(ge=0)]
    reply_to: UUID | None = None


class TooManyHops(Refused):
    """Sessions have passed this on too often; the last one has to answer it itself."""

    code = "too-many-hops"
    status = 409


class TooManySent(Refused):
    """This session has sent too many messages to others within a minute; wait, or say it all in one."""

    code = "rate-limited"
    status = 429


class SendToSession(SessionCommand):
    """Write to another session of the same owner. With `answer` its model answers, and what it says comes back as a
    message whose metadata name this one. `reply_to`: the received message this replies to; `run_id`: the run that
    writes (both keep count of how often sessions pass things on)."""

    scope = "sessions:write"

    to: UUID
    content: str | Content
    reply_to: UUID | None = None
    answer: bool = True
    run_id: UUID | None = None

    def needs(self) -> tuple[str, ...]:
        """An answer is a run."""
        return with_answer(self.scope, self.answer)


class SessionMessageSent(Event):
    """This session wrote to another."""

    message_id: UUID
    to: UUID
    content: Content
    answer: bool
    hops: int
    reply_to: UUID | None = None


_SENT = """
SELECT count(*) FROM (
    SELECT type, recorded_at FROM bus_storedevent WHERE stream = %(session)s::uuid
    ORDER BY version DESC LIMIT %(most)s::int
) AS newest WHERE type = %(type)s::text AND recorded_at > now() - interval '1 minute'
"""

_WROTE = """
SELECT 1 FROM bus_storedevent WHERE stream = %(sender)s::uuid AND type = %(type)s::text
AND data->>'message_id' = %(message)s::text AND data->>'to' = %(to)s::text LIMIT 1
"""


@handles(SendToSession)
def send(command: SendToSession, context: Context) -> Any:
    """Somebody else's session is as one that is not there. An unknown run or message to reply to is refused."""
    sender = Session.objects.only("owner_id").get(id=command.session_id)
    if command.to == sender.id:
        raise Invalid("A session does not write to itself.")
    if not queries.sessions_of(context.actor).filter(id=command.to, owner_id=sender.owner_id).exists():
        raise queries.no_session(command.to)
    queries.check_allowed(context.actor, command.to)
    if command.run_id is not None and rights.is_shared(command.to):
        raise Forbidden("Others read that session: models do not write to it.")
    hops = _hops(command)
    if hops >= settings.MESSAGE_HOPS:
        raise TooManyHops
    newest = {"session": sender.id, "most": MOST_READ, "type": SessionMessageSent.type}
    if sql.fetch(_SENT, newest)[0][0] >= MOST_SENT:
        raise TooManySent
    message_id = uuid7()
    yield SessionMessageSent(
        message_id=message_id,
        to=command.to,
        content=parts(command.content),
        answer=command.answer,
        hops=hops,
        reply_to=command.reply_to,
    )
    return {"message_id": message_id}


def _hops(command: SendToSession) -> int:
    """How often it was passed on already."""
    before = []
    if command.run_id is not None:
        run = Run.objects.filter(id=command.run_id, session_id=command.session_id).only("metadata").first()
        if run is None:
            raise NotFound(f"Run not found with ID: {command.run_id}")
        before.append(_note(run.metadata))
    if command.reply_to is not None:
        before.append(_note(queries.message_of(command.session_id, command.reply_to).metadata))
    return max((note.hops + 1 for note in before if note), default=0)


def _note(metadata: dict[str, Any]) -> Note | None:
    """Metadata are their owner's to change: what is no note of ours is none."""
    try:
        return msgspec.convert(metadata.get(NOTE), Note)
    except msgspec.ValidationError:
        return None


# -- delivering --------------------------------------------------------------------------------------------------------


@subscribes_to("session-message-sent", *ENDS, name=NOTE)
def carry(envelope: Envelope) -> None:
    """Brings messages there and answers back."""
    if envelope.type in ENDS:
        _answered(UUID(envelope.fields()["run_id"]))
        return
    event = bus.registry.open(envelope)
    assert isinstance(event, SessionMessageSent)
    note = Note(sender=envelope.stream, message=event.message_id, hops=event.hops, reply_to=event.reply_to)
    try:
        queries.check_allowed(envelope.actor, event.to)  # who wrote it may have lost the session meanwhile
        _deliver(event, note)
    except Refused as refused:
        _fail(event, note, f"[the message to session {event.to} was not delivered]\n{refused.detail}")
        return
    if not event.answer:
        return
    run_id, metadata = uuid5(event.message_id, "run"), {NOTE: msgspec.to_builtins(note)}
    try:
        _once(commands.RequestRun(session_id=event.to, run_id=run_id, metadata=metadata))
    except Refused as refused:
        _fail(event, note, f"[session {event.to} has the message; its model will not answer]\n{refused.detail}")


def _fail(event: SessionMessageSent, note: Note, said: str) -> None:
    _say(note.sender, uuid5(event.message_id, "refused"), parts(said), reply_to=event.message_id, hops=event.hops)


def _deliver(event: SessionMessageSent, note: Note) -> None:
    if not _of_one_owner(note.sender, event.to):
        raise queries.no_session(event.to)
    content = [TextPart(text=f"[message from session {note.sender}]\n"), *event.content]
    metadata = {NOTE: msgspec.to_builtins(note)}
    _once(commands.AddMessage(session_id=event.to, content=content, message_id=event.message_id, metadata=metadata))


def _answered(run_id: UUID) -> None:
    """The answer of a run that was asked for by another session; of others, nothing. A message is answered once,
    however often its answer is made again; what was cut off may be continued, and that is brought as well."""
    run = Run.objects.filter(id=run_id, metadata__has_key=NOTE).first()
    note = _note(run.metadata) if run else None
    if run is None or note is None or not _of_one_owner(note.sender, run.session_id) or not _asked(note, run):
        return
    message = Message.objects.filter(id=run.message).first() if run.message else None
    said = text_of(to_content(message.content)) if message else f"(no answer: {run.error or run.state})"
    answer_id = uuid5(note.message, f"answer {run.continues or ''}")
    if run.state != Run.State.COMPLETED:  # a whole answer that comes later, by a retry, is brought all the same
        if Message.objects.filter(id=answer_id).exists():
            return
        answer_id = uuid5(answer_id, "part")
    content = parts(f"[answer from session {run.session_id}]\n{said}")
    _say(note.sender, answer_id, content, reply_to=note.message, hops=note.hops, answered_by=run.session)


def _asked(note: Note, run: Run) -> bool:
    """Whether that session wrote this message to the run's. Its log says so; a run's metadata are anybody's who may ask
    for one, and must not open sessions that are not shared."""
    wrote = {"sender": note.sender, "type": SessionMessageSent.type}
    return bool(sql.fetch(_WROTE, wrote | {"message": str(note.message), "to": str(run.session_id)}))


def _say(
    to: UUID, message_id: UUID, content: Content, *, reply_to: UUID, hops: int, answered_by: Session | None = None
) -> None:
    """A message that answers one this session sent; nothing where the session is gone."""
    sender = answered_by.id if answered_by else to
    note = Note(sender=sender, message=message_id, hops=hops, reply_to=reply_to)
    with suppress(NotFound):
        _once(
            commands.AddMessage(
                session_id=to, content=content, message_id=message_id, metadata={NOTE: msgspec.to_builtins(note)}
            )
        )


def _once(command: SessionCommand) -> None:
    """Its ids follow from what is delivered, so that it takes effect once however often it is tried."""
    with suppress(AlreadyExists):
        bus.execute(command, Context(actor=OURS))


def _of_one_owner(one: UUID, other: UUID) -> bool:
    """Whether both are there and belong to the same person (or both to nobody)."""
    owners = list(Session.objects.filter(id__in=(one, other)).values_list("owner_id", flat=True))
    return len(owners) == 2 and owners[0] == owners[1]


# -- for models --------------------------------------------------------------------------------------------------------


@tool(name="send_to_session", timeout=LONGEST_WAIT + 10.0)
def send_to_session(
    context: ToolContext,
    to: Annotated[str, Meta(max_length=64, description="the id of another session of the user")],
    content: Annotated[str, Meta(min_length=1, max_length=20_000)],
    wait_seconds: Annotated[int, Meta(ge=0, le=LONGEST_WAIT, description="how long to wait for its answer")] = 20,
) -> str:
    """Write to another session of the user, whose model answers. Gives the answer, or says that it will come later."""
    try:
        there = UUID(to)
    except ValueError:
        raise NotFound(f"Session not found with ID: {to}") from None
    command = SendToSession(session_id=context.session_id, to=there, content=content, run_id=context.run_id)
    sent = bus.execute(command, Context(actor=context.owner)).data["message_id"]
    return wait_for_answer(context.session_id, UUID(str(sent)), wait_seconds) or "Sent; the answer will come later."


def wait_for_answer(session_id: UUID, message_id: UUID, seconds: float) -> str:
    """The text that came back for a sent message; empty where none came in time. Blocks; not in a transaction."""
    end = time.monotonic() + seconds
    replies = Message.objects.filter(session_id=session_id, metadata__coordination__reply_to=str(message_id))
    while (reply := replies.first()) is None:
        if time.monotonic() >= end:
            return ""
        time.sleep(POLL)
    return text_of(to_content(reply.content))
