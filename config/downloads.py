"""Answers that are files: how many of them one person may be reading at a time, and how slowly. Used by the edge."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from config.uploads import Scope, Turns

WINDOW = 60.0
"""Seconds of waiting for a client over which its pace is judged."""
_ADDRESS = re.compile(r"/api/v1/(artifacts/[0-9a-f-]{36}/content|sessions/[0-9a-f-]{36}/export)/")


class Downloads(Turns):
    """Who is reading files."""

    def concerns(self, scope: Scope) -> bool:
        """Whether it asks for one."""
        return scope.get("method") == "GET" and _ADDRESS.fullmatch(scope["path"]) is not None

    @contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """The place that was entered, until it is left."""
        try:
            yield
        finally:
            self.leave(who)


class Pace:
    """How fast one client takes what it is sent. Only the time counts that it keeps us waiting: an answer that comes
    slowly is not its fault."""

    def __init__(self, slowest: int) -> None:
        self._slowest = slowest
        self._taken = 0
        self._waited = 0.0

    def too_slow(self, size: int, waited: float) -> bool:
        """Whether it was, over WINDOW, now that it has taken so many bytes more in so many seconds; `slowest` is in
        bytes per second."""
        self._taken += size
        self._waited += waited
        if self._waited < WINDOW:
            return False
        slow = self._taken < self._slowest * self._waited
        self._taken, self._waited = 0, 0.0
        return slow
