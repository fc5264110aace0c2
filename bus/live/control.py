"""Who has something open in this process (a socket, a stream), by actor, to be told when the actor's rights shrink."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
