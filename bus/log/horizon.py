"""Reading the whole log by position without losing what commits late.

Positions are handed out before commit, so a reader may see 11 while 10 is still being written. Ordering by transaction
id instead would break the order inside a session (see docs/decisions/0003). So: read by position, and pass a gap only
when every transaction that could fill it has ended."""

from collections.abc import Sequence
from typing import Any


class Horizon:
    """A cursor over the log. `admit` takes a page and returns its deliverable beginning.

    Rows are the columns of `store.COLUMNS` followed by the snapshot's xmin and, at a gap, a transaction id taken then.
    Read outside a transaction, so that this id is a new one and is given back at once."""

    POSITION = 3

    def __init__(self, position: int) -> None:
        self.position = position
        self._gap_at = -1
        self._decided_at = 0

    def admit(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows up to the first undecided gap, without the snapshot columns; moves the cursor past them.

        A gap at which the reader took the transaction id X is decided once xmin has reached X: whoever held the
        missing position had its transaction id before the position was handed out, so below X, and has ended. (Not
        the snapshot's xmax: that is one past the last transaction that *ended*; the holder may lie above it.)"""
        admitted: list[tuple[Any, ...]] = []
        for row in rows:
            position, xmin, taken = row[self.POSITION], row[-2], row[-1]
            if position != self.position + 1 and not self._decided(xmin, taken):
                break
            self.position = position
            admitted.append(row[:-2])
        return admitted

    def _decided(self, xmin: int, taken: int) -> bool:
        if self._gap_at != self.position:
            self._gap_at, self._decided_at = self.position, taken
        return xmin >= self._decided_at
