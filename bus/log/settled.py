"""How far the whole log is settled: up to which position nothing is still being written, whoever writes it.

For those who read a part of the log by position, such as all sessions of one user: a gap between two of their events
may be anybody's. So the gaps are looked for here, over positions alone (docs/decisions/0003)."""

import threading
import time
from collections.abc import Sequence

from bus import sql
from bus.exceptions import BusError

TRIES, PAUSE = 100, 0.01
"""How often, and how long, the first look waits for those who were writing when it came. Appends are short."""
AT_ONCE = 5_000

_ABOVE = "SELECT position FROM bus_storedevent WHERE position > %s ORDER BY position LIMIT %s"
_LAST = "SELECT coalesce(max(position), 0) FROM bus_storedevent"
# a position is handed out under this lock, which is held to the end of its transaction; one's own are seen
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = 'bus_storedevent'::regclass AND mode = 'RowExclusiveLock'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND pid IS DISTINCT FROM pg_backend_pid()
"""


class Unsettled(BusError):
    """Somebody has been writing to the log since before this process first read it; try again."""

    code = "unavailable"
    status = 503


class Settled:
    """One per process; may be asked from any thread. What is passed over is a gap of which nobody is left who wrote
    when it was seen: its position was rolled back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: int | None = None
        self._next = 0
        self._writing: set[str] = set()

    def position(self) -> int:
        """The position up to which nothing will come any more. Raises Unsettled."""
        with self._lock:
            self._at = self._begin() if self._at is None else self._go_on(self._at)
            return self._at

    def _begin(self) -> int:
        """Begin at the head of now, once all have ended who were writing then."""
        for _ in range(TRIES):
            if self._next == 0:
                self._wait_for(last())
            if self._is_over():
                return self._next
            time.sleep(PAUSE)
        raise Unsettled

    def _go_on(self, at: int) -> int:
        if self._writing and self._is_over():
            at = max(at, self._next)  # what was waited for may have come meanwhile
        while above := [row[0] for row in sql.fetch(_ABOVE, [at, AT_ONCE])]:
            line = _unbroken(at, above)
            at += line
            if line < len(above) and not self._writing:
                self._wait_for(above[-1])
                at = above[-1] if self._is_over() else at
            if len(above) < AT_ONCE or at < above[-1]:
                return at
        if last() < at:  # the log was restored from an older copy
            self._next, self._writing = 0, set()
            return self._begin()
        return at

    def _wait_for(self, position: int) -> None:
        """Whoever can still fill a gap below what was seen is writing now."""
        self._next, self._writing = position, _writers()

    def _is_over(self) -> bool:
        """Whether all have ended who are waited for."""
        self._writing = self._writing and self._writing & _writers()
        return not self._writing


def _unbroken(at: int, above: Sequence[int]) -> int:
    """How many of these positions follow `at` without a gap."""
    return next((number for number, position in enumerate(above) if position != at + number + 1), len(above))


def _writers() -> set[str]:
    return {row[0] for row in sql.fetch(_WRITERS, [])}


def last() -> int:
    """The last position of the log, settled or not."""
    found: int = sql.fetch(_LAST, [])[0][0]
    return found


_settled = Settled()


def position() -> int:
    """The same for this process."""
    return _settled.position()
