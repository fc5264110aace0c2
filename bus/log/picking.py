"""Some events of a stream: by their versions, or of some types. Called by who need not read what lies between."""

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

_OF_TYPES = f"""
SELECT {COLUMNS} FROM bus_storedevent
WHERE stream = %s::uuid AND version > %s::bigint AND version <= %s::bigint AND type = ANY(%s::text[]) ORDER BY version
"""


def of_types(registry: Registry, stream: UUID, types: Sequence[str], *, after: int, until: int) -> list[Envelope]:
    """What a stream has of these types in versions above `after`, up to `until`, oldest first."""
    rows = sql.fetch(_OF_TYPES, [stream, after, until, list(types)])
    return [codec.envelope_from_row(row, registry) for row in rows]


def picked(registry: Registry, stream: UUID, versions: Sequence[int]) -> list[Envelope]:
    """These versions of a stream, as far as the log has them, oldest first."""
    return [codec.envelope_from_row(row, registry) for row in sql.fetch(_THESE, [stream, list(versions)])]
