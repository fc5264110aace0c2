"""Single events of a stream, by their versions. Called by pages that look at one, or at a few that lie apart."""

from collections.abc import Sequence
from uuid import UUID

from bus import sql
from bus.log import codec
from bus.log.store import COLUMNS
from bus.messages import Envelope
from bus.registry import Registry

_THESE = f"""
SELECT {COLUMNS} FROM bus_storedevent WHERE stream = %s::uuid AND version = ANY(%s::bigint[]) ORDER BY version
"""


def picked(registry: Registry, stream: UUID, versions: Sequence[int]) -> list[Envelope]:
    """These versions of a stream, as far as the log has them, oldest first."""
    return [codec.envelope_from_row(row, registry) for row in sql.fetch(_THESE, [stream, list(versions)])]
