"""Loads plugins: modules named in a setting, and entry points. One that cannot be loaded leaves nothing behind and
keeps nobody from starting; what went wrong is kept for the log, `manage.py check` and the admin."""

import logging
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.metadata import entry_points

import msgspec

from bus.registry import Registry

GROUP = "parley.plugins"
"""The group of entry points."""

logger = logging.getLogger(__name__)


class Loaded(msgspec.Struct, frozen=True):
    """A plugin and how loading it went; without an error it is there."""

    name: str
    module: str
    error: str = ""


loaded: dict[str, Loaded] = {}
"""What this process has tried to load, by name."""


def named(modules: Iterable[str], group: str = GROUP) -> dict[str, str]:
    """The plugins' modules by name: the entry point's, or the last word of the module (the whole of it where another
    has that word). A module is loaded once, whoever names it."""
    found: dict[str, str] = {}
    words = [(module.rpartition(".")[2], module) for module in modules]
    for name, module in [*words, *((point.name, point.module) for point in entry_points(group=group))]:
        if module not in found.values():
            found[module if name in found else name] = module
    return found


def load(registry: Registry, wanted: dict[str, str], *undo: Callable[[str], None]) -> None:
    """Import each plugin; what it registers meanwhile is its own. `undo` take back what a failing
    one left elsewhere."""
    for name, module in wanted.items():
        error = _load(registry, name, module)
        if error:
            for take_back in undo:
                take_back(name)
        loaded[name] = Loaded(name, module, error)


def _load(registry: Registry, name: str, module: str) -> str:
    before = registry.copied()
    try:
        with registry.loading(name):
            registry.register_events(import_module(module))
    except (Exception, SystemExit) as error:  # whatever its code does
        registry.restore(before)
        logger.exception("the plugin %s (%s) could not be loaded; the server goes on without it", name, module)
        return f"{type(error).__name__}: {error}"[:2000]
    return ""
