"""What one client may take of this process: sockets at a time, frames in a second."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from bus.live.protocol import CloseCode, Hangup
from bus.messages import Actor

SAVED_SECONDS = 10.0
"""A client that was silent for so long may send that much at once."""


class Seats:
    """How many sockets each actor has open in this process."""

    def __init__(self) -> None:
        self._taken: Counter[Actor] = Counter()

    @contextmanager
    def taken(self, actor: Actor) -> Iterator[None]:
        """Hold one. Raises Hangup where the actor has too many already."""
        if self._taken[actor] >= settings.BUS_SOCKETS_PER_USER:
            raise Hangup(CloseCode.TOO_MANY)
        self._taken[actor] += 1
        try:
            yield
        finally:
            self._taken[actor] -= 1
            if not self._taken[actor]:
                del self._taken[actor]


class Pace:
    """How fast one socket may send, on average over some seconds."""

    def __init__(self, each_second: int) -> None:
        self._rate = float(each_second)
        self._left = self._rate * SAVED_SECONDS
        self._at = asyncio.get_running_loop().time()

    def step(self) -> None:
        """One frame more. Raises Hangup when it is too many."""
        now = asyncio.get_running_loop().time()
        self._left = min(self._rate * SAVED_SECONDS, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            raise Hangup(CloseCode.UNAVAILABLE, "you send too many frames; come back, and send fewer")
        self._left -= 1
