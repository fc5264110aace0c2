"""A file somebody brings: what it is, the logs in it, and a report of what became of each. Called by `api.exchange` and
`manage.py import_sessions`.

Each session is one transaction, and what is there already is left alone: what was interrupted goes on where it is sent
again."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import IO, Any, NamedTuple

import msgspec

from bus.exceptions import Invalid, Refused
from bus.messages import Actor
from sessions_app.artifacts import blobs
from sessions_app.exchange.archives import Archive
from sessions_app.exchange.bundle import BUNDLE, BUNDLE_VERSION, MANIFEST, Bundle, Packed
from sessions_app.exchange.chatgpt import Told
from sessions_app.exchange.files import Document, Lines, Log
from sessions_app.exchange.form import Kept
from sessions_app.exchange.importing import How, Outcome, take_in
from sessions_app.exchange.reading import Values

logger = logging.getLogger(__name__)

CONVERSATIONS = "conversations.json"
MOST_BYTES = 8 * 2**20
"""Of one conversation of another product, or of an archive's manifest."""
MOST_NODES = 500_000


class Item(NamedTuple):
    """One session to be: how the file names it, and what makes it."""

    name: str
    make: Callable[[How], Outcome]


def items(actor: Actor, file: IO[bytes], *, by_line: bool = False) -> Iterator[Item]:
    """What is in the file. Raises Malformed, TooLarge, Invalid, the sooner the better."""
    file.seek(0)
    if file.read(4)[:2] == b"PK":
        yield from _of_archive(actor, Archive(file))
    elif by_line:
        yield _one(actor, Lines(file))
    elif Values(file, MOST_BYTES).begins(b"["):
        yield from _of_conversations(actor, file)
    else:
        yield _one(actor, Document(file))


def _one(actor: Actor, log: Log) -> Item:
    return Item("", lambda how: take_in(actor, log, how=how))


def _of_conversations(actor: Actor, file: IO[bytes]) -> Iterator[Item]:
    values = Values(file, MOST_BYTES, MOST_NODES)
    for number, _ in enumerate(values.items(), start=1):
        value = values.value()
        name = str(value.get("title") or number)[:200] if isinstance(value, dict) else str(number)
        yield Item(name, lambda how, value=value: take_in(actor, Told(actor, value), how=how))  # type: ignore[misc]
    values.end()


def _of_archive(actor: Actor, archive: Archive) -> Iterator[Item]:
    if MANIFEST in archive.names:
        yield from _of_bundle(actor, archive)
        return
    found = [name for name in archive.names if name.rpartition("/")[2] == CONVERSATIONS]
    if len(found) != 1:
        raise Invalid(f"The archive has neither {MANIFEST} nor one {CONVERSATIONS}.")
    with archive.unpacked(found[0]) as file:
        yield from _of_conversations(actor, file)


def _of_bundle(actor: Actor, archive: Archive) -> Iterator[Item]:
    bundle = _bundle(archive)
    files = [packed.file for packed in bundle.sessions] + [packed.file for packed in bundle.artifacts]
    if len(set(files)) != len(files) or {*files, MANIFEST} != archive.names:
        raise Invalid("The archive's files are not those that its manifest names.")

    def bytes_of(kept: Kept) -> IO[bytes] | None:
        name = f"artifacts/{kept.sha256}"
        return archive.unpacked(name) if name in archive.names else None

    def make(packed: Packed, how: How) -> Outcome:
        with archive.unpacked(packed.file) as file:
            if blobs.digest(file) != (packed.sha256, packed.size):
                raise Invalid("The session's file is not the one that the archive's manifest vouches for.")
            return take_in(actor, Document(file), bytes_of, how)

    for packed in bundle.sessions:
        yield Item(str(packed.id), lambda how, packed=packed: make(packed, how))  # type: ignore[misc]


def _bundle(archive: Archive) -> Bundle:
    if archive.size(MANIFEST) > MOST_BYTES:
        raise Invalid("The archive's manifest is too large.")
    with archive.unpacked(MANIFEST) as file:
        try:
            bundle = msgspec.json.decode(file.read(), type=Bundle)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Invalid(f"The archive's manifest is none: {error}") from None
    if (bundle.format, bundle.format_version) != (BUNDLE, BUNDLE_VERSION):
        raise Invalid(f"This server reads {BUNDLE} in version {BUNDLE_VERSION}.")
    return bundle


class Report:
    """What became of each."""

    def __init__(self, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.complete = True
        self.sessions: list[dict[str, Any]] = []

    def as_dict(self) -> dict[str, Any]:
        """As it is shown. Not `complete`: time was up; the same file again goes on with the rest."""
        counts = {
            status: sum(one["status"] == status for one in self.sessions)
            for status in ("created", "unchanged", "refused")
        }
        return {"dry_run": self.dry_run, "complete": self.complete, **counts, "sessions": self.sessions}


def bring_in(actor: Actor, file: IO[bytes], how: How, *, by_line: bool = False) -> Report:
    """Everything in the file, session by session. A file that is not what it should be, or has a single session that is
    refused, raises why; of several each refusal is reported."""
    report = Report(dry_run=how.dry_run)
    end = None if how.patience is None else time.monotonic() + how.patience
    refusal: Refused | None = None
    with closing(items(actor, file, by_line=by_line)) as found:  # type: ignore[type-var]
        for item in found:
            if end is not None and report.sessions and time.monotonic() > end:
                report.complete = False
                break
            try:
                report.sessions.append(_told(item, item.make(how)))
            except Refused as refused:
                refusal = refused
                report.sessions.append(_refused(item, refused))
    if not report.sessions:
        raise Invalid("There is nothing in it.")
    if refusal is not None and report.complete and len(report.sessions) == 1:
        raise refusal
    return report


def _told(item: Item, outcome: Outcome) -> dict[str, Any]:
    told = {"id": str(outcome.session_id), "title": outcome.title, "status": outcome.status}
    counts = {"events": outcome.events, "messages": outcome.messages, "missing_artifacts": outcome.missing}
    return {"name": item.name, **told, **counts}


def _refused(item: Item, refused: Refused) -> dict[str, Any]:
    return {"name": item.name, "status": "refused", "code": refused.code, "detail": refused.detail}
