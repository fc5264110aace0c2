"""What can have happened to a session as a whole, as a file."""

from uuid import UUID

from bus.messages import Event


class SessionImported(Event):
    """The log up to the version `upto` came in a file of the format `source`; `sha256` is of its lines, as an export
    writes them. Who acts here vouches for it. What was under way then has ended, and the artifacts that are `missing`,
    for their bytes did not come, are gone."""

    source: str
    upto: int
    sha256: str
    missing: list[UUID] = []
