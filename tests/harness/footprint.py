"""What a process holds: memory, open files, and connections to PostgreSQL."""

from pathlib import Path
from typing import Any, NamedTuple

from tests.flow.stack import Process


class Footprint(NamedTuple):
    """Of one process, now."""

    kibibytes: int
    files: int


def footprint(process: Process) -> Footprint:
    """Resident memory and open files of a running process."""
    assert process.process is not None
    folder = Path(f"/proc/{process.process.pid}")
    lines = (folder / "status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return Footprint(resident, len(list((folder / "fd").iterdir())))


def connections(database: Any) -> int:
    """How many others are connected to the database this connection is to."""
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    found: int = database.execute(query).fetchone()[0]
    return found
