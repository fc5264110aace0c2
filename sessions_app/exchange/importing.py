"""A log from a file becomes a session of the importer's: checked, compared with what is there, then written in one
transaction. Called by `api.exchange`, `archives` and `manage.py import_sessions`.

Nothing is taken on the file's word that matters beyond the session: who owns it, whose bytes it shows, what was billed,
what is to be worked on."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Literal, NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DataError, IntegrityError, ProgrammingError, connection, transaction

from bus.bus import bus
from bus.exceptions import AlreadyExists, Invalid, Refused, TooLarge
from bus.log import codec, imports, store
from bus.messages import IMPORTED, Actor, Context, Envelope
from sessions_app import commands, queries
from sessions_app.artifacts import blobs, quota, sniff
from sessions_app.events import SessionCreated
from sessions_app.exchange import exporting
from sessions_app.exchange.checking import Checked, check, opened
from sessions_app.exchange.files import Log
from sessions_app.exchange.form import Kept, Line, encode
from sessions_app.models import Artifact, Conversation

logger = logging.getLogger(__name__)

Bytes = Callable[[Kept], IO[bytes] | None]
"""An artifact's bytes, as they came; None where they did not."""

UNTOLD = "The log tells what cannot have happened."
_UNIQUE_VIOLATION = "23505"
UNTELLABLE = (
    *(DataError, ProgrammingError, ObjectDoesNotExist, ValidationError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
)
"""What projections raise of a log that none of our handlers could have recorded."""


class Taken(Refused):
    """It cannot have the ids that it has: some of them are taken, or what is here by its id is not the same."""

    code = "already-exists"
    status = 409


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one log. `missing`: how many of its artifacts are gone, since their bytes did not come."""

    session_id: UUID
    title: str
    status: Literal["created", "unchanged"]
    events: int
    messages: int
    missing: int = 0


class How(NamedTuple):
    """`dry_run`: everything is tried and nothing kept. `seconds`: how long the writing of one session may take, as
    others wait behind a long transaction; `patience`: after how many no further one is begun."""

    dry_run: bool = False
    seconds: float | None = None
    patience: float | None = None


AS_LONG_AS_IT_TAKES = How()


def take_in(actor: Actor, log: Log, bytes_of: Bytes = lambda kept: None, how: How = AS_LONG_AS_IT_TAKES) -> Outcome:
    """Make a session of it, unless it is there already. Raises Malformed, TooLarge, Invalid, Taken, QuotaExhausted;
    then nothing is left of it."""
    checked = check(log)
    if _is_there(actor, checked):
        return _outcome(checked, "unchanged")
    held, missing = _artifacts(actor, checked, bytes_of, keep=not how.dry_run)
    command = commands.ImportSession(
        session_id=checked.session_id,
        source=log.source,
        upto=checked.manifest.version,
        sha256=checked.manifest.sha256,
        missing=[kept.id for kept in missing],
    )

    def write() -> None:
        _write(actor, _in_time(_envelopes(log, int(actor.id)), how.seconds), checked.session_id)
        _hold(held if not how.dry_run else ())

    try:
        with transaction.atomic():
            bus.execute(command, Context(actor=actor), before=write)
            transaction.set_rollback(how.dry_run)
    except AlreadyExists:  # the same file, twice at once
        if _is_there(actor, checked):
            return _outcome(checked, "unchanged")
        raise Taken from None
    return _outcome(checked, "created", len(missing))


def _outcome(checked: Checked, status: Literal["created", "unchanged"], missing: int = 0) -> Outcome:
    manifest = checked.manifest
    return Outcome(
        session_id=checked.session_id,
        title=checked.title,
        status=status,
        events=manifest.events,
        messages=manifest.counts.get("message-added", 0),
        missing=missing,
    )


def _is_there(actor: Actor, checked: Checked) -> bool:
    """Whether the actor's session of that id begins with this very log. Raises Taken where it is another's, or begins
    differently, in the same words."""
    session_id, manifest = checked.session_id, checked.manifest
    if store.version(session_id) is None and not Conversation.objects.filter(id=session_id).exists():
        return False
    session = queries.with_version(queries.sessions_of(actor).filter(id=session_id)).first()
    if session is None or session.version < manifest.version:  # type: ignore[attr-defined]
        raise Taken
    if exporting.manifest_of(session_id, manifest.version).sha256 != manifest.sha256:
        raise Taken
    return True


def _in_time(envelopes: Iterator[Envelope], seconds: float | None) -> Iterator[Envelope]:
    end = None if seconds is None else time.monotonic() + seconds
    for envelope in envelopes:
        if end is not None and time.monotonic() > end:
            raise TooLarge("It takes too long to write this session here; an operator can import its file.")
        yield envelope


def _write(actor: Actor, envelopes: Iterator[Envelope], session_id: UUID) -> None:
    """The log and its rows, in the present transaction."""
    owner = int(actor.id)
    try:
        imports.write(bus.registry, session_id, envelopes)
        connection.check_constraints()
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise Taken from None
        raise Invalid(UNTOLD) from None
    except UNTELLABLE as error:
        logger.warning("the log of %s cannot be told", session_id, exc_info=error)
        raise Invalid(UNTOLD) from None
    quota.lock(owner)
    quota.check(session_id, owner, 0)


def _envelopes(log: Log, owner: int) -> Iterator[Envelope]:
    for line in log.lines():
        kept, _ = opened(line)
        data = {**kept.data, "owner_id": owner} if kept.type == SessionCreated.type else kept.data
        yield _envelope(kept, data)


def _envelope(line: Line, data: dict[str, object]) -> Envelope:
    return Envelope(
        id=line.id,
        type=line.type,
        schema=line.schema,
        session_id=line.session_id,
        version=line.version,
        position=0,
        recorded_at=line.recorded_at,
        actor=Actor(IMPORTED, str(line.actor)),
        causation_id=line.causation_id,
        correlation_id=line.correlation_id,
        data=codec.raw(encode(data)),
    )


def _artifacts(actor: Actor, checked: Checked, bytes_of: Bytes, *, keep: bool) -> tuple[list[Kept], list[Kept]]:
    """The artifacts whose bytes came, or are in a session of the actor's anyway, and those that are missing. A hash in
    a file opens nobody's bytes."""
    held, missing = [], []
    for kept in checked.manifest.artifacts:
        if kept.size > settings.ARTIFACT_MAX_BYTES:
            raise Invalid(f"The artifact {kept.id} has more than {settings.ARTIFACT_MAX_BYTES} bytes.")
        file = _own(actor, kept) or bytes_of(kept)
        if file is None:
            missing.append(kept)
            continue
        with file:
            known = blobs.digest(file)
            if known != (kept.sha256, kept.size):
                raise Invalid(f"The bytes of the artifact {kept.id} are not those of its hash.")
            sniff.check(kept.content_type, file)
            if keep:
                blobs.put(file, known)
        held.append(kept)
    return held, missing


def _own(actor: Actor, kept: Kept) -> IO[bytes] | None:
    mine = Artifact.objects.filter(session__in=queries.sessions_of(actor), deleted_at__isnull=True)
    return blobs.opened(kept.sha256) if mine.filter(sha256=kept.sha256).exists() else None


def _hold(held: Sequence[Kept]) -> None:
    for sha256 in sorted({kept.sha256 for kept in held}):
        if not blobs.hold(sha256):
            raise blobs.BlobGone
