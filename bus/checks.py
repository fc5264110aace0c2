"""`manage.py check` for the bus: what is registered must be complete, and the settings must make sense together."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from bus.plugins import loaded
from bus.registry import default


@register()
def every_command_has_a_handler(**_: Any) -> list[CheckMessage]:
    """A command without a handler could be accepted and never be done."""
    return [
        Error(f"The command {name!r} has no handler.", id="bus.E001")
        for name, command in default.commands.items()
        if command not in default.handlers
    ]


@register()
def every_plugin_is_loaded(**_: Any) -> list[CheckMessage]:
    """A plugin that cannot be imported is left out; somebody should know."""
    return [
        Warning(f"The plugin {one.name!r} ({one.module}) could not be loaded: {one.error}", id="bus.W002")
        for one in loaded.values()
        if one.error
    ]


@register()
def the_settings_fit_together(**_: Any) -> list[CheckMessage]:
    """Leases must outlive their renewal; the channel layer must not drop what a burst brings."""
    found: list[CheckMessage] = []
    if settings.BUS_LEASE_SECONDS < 2 * settings.BUS_RENEW_SECONDS:
        found.append(
            Error(
                "BUS_LEASE_SECONDS must be at least twice BUS_RENEW_SECONDS, or a late renewal loses work.",
                id="bus.E002",
            )
        )
    backend = str(settings.CHANNEL_LAYERS["default"]["BACKEND"])
    if not backend.endswith("RedisPubSubChannelLayer"):
        found.append(Warning(f"{backend} drops frames over its capacity; use RedisPubSubChannelLayer.", id="bus.W001"))
    return found
