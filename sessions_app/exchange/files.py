"""A session's log in a file: event by event, as often as one likes. Called by `importing`."""

from collections.abc import Iterator
from typing import IO, Protocol

from bus import untrusted
from bus.exceptions import Invalid
from sessions_app.exchange.form import FORMAT, FORMAT_VERSION, Line, Manifest
from sessions_app.exchange.reading import Values

MOST_BYTES = 4 * 2**20
"""Of one event, or of the manifest."""


class Log(Protocol):
    """A log that can be read from its beginning again and again. `manifest` is what its file says of it (None:
    nothing), known once it was read to its end; `source` names the format."""

    source: str
    manifest: Manifest | None

    def lines(self) -> Iterator[Line]:
        """Its events. Raises Malformed, TooLarge, Invalid."""
        ...


class Document:
    """A log as one JSON document: `{"manifest": {…}, "events": [{…}, …]}`."""

    source = FORMAT

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.manifest: Manifest | None = None

    def lines(self) -> Iterator[Line]:
        """Its events; what else stands there is refused at the end, when all of it is known to be JSON."""
        values = Values(self._file, MOST_BYTES)
        found = set()
        if not values.begins(b"{"):
            values.value()
            raise Invalid("A session's file is a JSON object.")
        for name in values.members():
            if name in found:
                raise Invalid(f"{name[:60]!r} stands there twice.")
            found.add(name)
            if name == "events" and values.begins(b"["):
                for _ in values.items():
                    yield untrusted.convert(values.value(), Line)
            else:
                self._other(name, values)
        values.end()
        if found != {"manifest", "events"}:
            raise Invalid("A session's file has the members 'manifest' and 'events', and no others.")

    def _other(self, name: str, values: Values) -> None:
        value = values.value()
        if name == "manifest":
            self.manifest = _manifest(value)
        elif name == "events":
            raise Invalid("'events' is an array.")


class Lines:
    """A log line by line: the manifest, then each event."""

    source = FORMAT

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.manifest: Manifest | None = None

    def lines(self) -> Iterator[Line]:
        """Its events."""
        values = Values(self._file, MOST_BYTES)
        self.manifest = _manifest(values.value())
        while values.more():
            yield untrusted.convert(values.value(), Line)


def _manifest(value: object) -> Manifest:
    manifest = untrusted.convert(value, Manifest)
    if (manifest.format, manifest.format_version) != (FORMAT, FORMAT_VERSION):
        raise Invalid(f"This server reads {FORMAT} in version {FORMAT_VERSION}.")
    return manifest
