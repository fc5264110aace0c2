"""Who has something open in this process (a socket, a stream), by actor, to be told when the actor's rights shrink; and
when what is open looks whether it may go on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

logger = logging.getLogger(__name__)

AGAIN = 0.5
"""Seconds after which who was doubted is looked at once more: a log-out is said a moment before it is written."""

Doubt = Callable[[], None]
"""Makes something look again whether it may go on; must not wait."""


class Control:
    """One per hub."""

    def __init__(self) -> None:
        self.heard = 0
        self._open: dict[str, set[Doubt]] = {}

    @contextmanager
    def watching(self, actor: str, doubt: Doubt) -> Iterator[None]:
        """Meanwhile `doubt` is called whenever the actor's rights have become fewer. `actor` such as `user:7`."""
        self._open.setdefault(actor, set()).add(doubt)
        try:
            yield
        finally:
            self._open[actor].discard(doubt)
            if not self._open[actor]:
                del self._open[actor]

    def doubt(self, actor: str) -> None:
        """The actor's rights have become fewer."""
        self.heard += 1
        for look_again in tuple(self._open.get(actor, ())):
            look_again()

    def doubt_everybody(self) -> None:
        """Anybody's rights may have become fewer, also those of whoever is just coming."""
        self.heard += 1
        for actor in tuple(self._open):
            self.doubt(actor)


class Doubts:
    """Of one thing that stays open."""

    def __init__(self) -> None:
        self.count = 0
        self._doubted = asyncio.Event()

    def add(self) -> None:
        """The rights behind it may have become fewer: it is looked at at once."""
        self.count += 1
        self._doubted.set()

    async def watch(self, look: Callable[[], Awaitable[bool]], usual: Callable[[], float]) -> None:
        """Ask `look` whether it may go on, every `usual` seconds and with every doubt, until it says no."""
        soon = False
        while True:
            doubted = await self._within(AGAIN if soon else usual())
            try:
                if not await look():
                    return
                soon = doubted
            except Exception as error:  # the database is away: not the reader's fault
                logger.warning("could not look whether something may go on: %r", error)
                soon = soon or doubted

    async def _within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._doubted.wait()
        doubted = self._doubted.is_set()
        self._doubted.clear()
        return doubted
