"""What tests of plugins share: delivering as a worker does, and a plugin loaded for one test."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bus import plugins
from bus.log import durable
from bus.models import StoredEvent, SubscriberCursor
from bus.registry import default
from sessions_app import panels
from sessions_app.llm import tools
from sessions_app.models import Plugin
from sessions_app.switches import switches
from tests.bus.support import execute, wait_until


def delivered(*names: str) -> None:
    """Delivery rounds until these subscribers (or all) have taken the whole log, whatever they came to."""

    def turn() -> bool:
        execute("UPDATE bus_subscribercursor SET run_after = now()")
        durable.deliver_all("w")
        head = StoredEvent.objects.order_by("-position").values_list("position", flat=True).first() or 0
        cursors = dict(SubscriberCursor.objects.values_list("name", "position"))
        return all(cursors.get(name, -1) >= head for name in names or default.subscribers)

    wait_until(turn, "the delivery")


@contextmanager
def with_plugin(name: str, module: str) -> Iterator[plugins.Loaded]:
    """The plugin, loaded as at start; nothing of it afterwards."""
    before = default.copied()
    try:
        plugins.load(default, {name: module}, panels.remove_of, tools.default.remove_of)
        yield plugins.loaded[name]
    finally:
        default.restore(before)
        panels.remove_of(name)
        tools.default.remove_of(name)
        plugins.loaded.pop(name, None)
        sys.modules.pop(module, None)


def switch(name: str, *, on: bool) -> None:
    """As the admin writes it; this process looks again at once."""
    Plugin.objects.update_or_create(name=name, defaults={"enabled": on})
    switches.forget()
