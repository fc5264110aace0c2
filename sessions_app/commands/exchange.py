"""What is asked of a session as a whole, as a file."""

from uuid import UUID

from bus.messages import SessionCommand


class ImportSession(SessionCommand):
    """Vouch for the log that was written in this very transaction, from a file."""

    public = False
    for_others = True

    source: str
    upto: int
    sha256: str
    missing: list[UUID] = []
