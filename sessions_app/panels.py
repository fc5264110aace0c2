"""What plugins show in the page of a session: a title and a few lines each. Asked by the page."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bus.registry import default as registry
from sessions_app.models import Session

logger = logging.getLogger(__name__)
MOST_LINES = 50

Lines = Callable[[Session], Sequence[str]]
L = TypeVar("L", bound=Lines)


class Panel(NamedTuple):
    """One plugin's place in the page."""

    title: str
    lines: Lines
    plugin: str


panels: list[Panel] = []


def shows(title: str) -> Callable[[L], L]:
    """Registers a function of the session that gives lines of text; none, and nothing is shown."""

    def register(function: L) -> L:
        panels.append(Panel(title, function, registry.plugin))
        return function

    return register


def shown(session: Session) -> list[tuple[str, list[str]]]:
    """Titles and lines; of plugins that are switched off or fail, nothing."""
    found = []
    for panel in panels:
        if panel.plugin and registry.switch.off(panel.plugin):
            continue
        try:
            lines = list(panel.lines(session))[:MOST_LINES]
        except Exception:  # the page goes on without it; not counted, or one person's data could switch it off for all
            logger.exception("the panel %s of %s failed", panel.title, panel.plugin)
            continue
        if lines:
            found.append((panel.title, lines))
    return found


def remove_of(plugin: str) -> None:
    """Take back what a plugin registered."""
    panels[:] = [panel for panel in panels if panel.plugin != plugin]
