"""A session's log as a file, a page at a time: whatever its length, little of it is in memory. Called by
`api.exchange`, `bulk` and `manage.py export_session`."""

from collections.abc import Callable, Iterator
from uuid import UUID

from django.db import connection

from bus.bus import bus
from bus.log import store
from sessions_app.exchange import markdown
from sessions_app.exchange.form import Line, Manifest, Tally, encode, line_of

PAGE = 100
"""Events in memory at a time; one may have a megabyte."""
PIECE = 65_536


def lines(session_id: UUID, until: int) -> Iterator[Line]:
    """The log up to a version. Between two pages no connection is held: who reads may be slow."""
    after = 0
    while page := store.read(bus.registry, session_id, after=after, until=until, limit=PAGE):
        yield from map(line_of, page)
        after = page[-1].version


def manifest_of(session_id: UUID, until: int) -> Manifest:
    """What the file of the log up to a version begins with; reads all of it."""
    tally = Tally(session_id)
    for line in lines(session_id, until):
        tally.add(line)
    return tally.manifest()


def as_json(session_id: UUID, manifest: Manifest) -> Iterator[bytes]:
    """One JSON document, with each event on a line of its own."""
    yield b'{"manifest":' + encode(manifest) + b',"events":['
    separator = b"\n"
    for line in lines(session_id, manifest.version):
        yield separator + encode(line)
        separator = b",\n"
    yield b"\n]}\n"


def as_lines(session_id: UUID, manifest: Manifest) -> Iterator[bytes]:
    """The manifest on a line, then each event on one: `tail -n +2 FILE | sha256sum` is the manifest's."""
    yield encode(manifest) + b"\n"
    for line in lines(session_id, manifest.version):
        yield encode(line) + b"\n"


Writer = Callable[[UUID, Manifest], Iterator[bytes]]
WRITERS: dict[str, tuple[Writer, str, str]] = {
    "json": (as_json, "application/json", "json"),
    "jsonl": (as_lines, "application/x-ndjson", "jsonl"),
    "markdown": (markdown.as_markdown, "text/markdown; charset=utf-8", "md"),
}
"""By the name of the format: what writes it, its content type, how its file's name ends."""


def gathered(some: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces worth sending; before each, the database's connection is given back."""
    piece = bytearray()
    for more in some:
        piece += more
        if len(piece) >= PIECE:
            _give_back()
            yield bytes(piece)
            piece.clear()
    _give_back()
    yield bytes(piece)


def _give_back() -> None:
    if not connection.in_atomic_block:
        connection.close()
