"""Names of fields that nobody may set from outside. Used by `bad_values`, whose tests offer them everywhere."""

from zlib import crc32

from django.apps import apps

from tests.harness.scale import SCALE

ALWAYS = {
    *("owner", "owner_id", "user_id", "is_staff", "actor", "version", "position", "fence", "state", "cost"),
    *("created_at", "message_count", "*", "__class__"),
}
SHARE = 8
"""In CI each place is offered so much less than all names, and each another part of them; `make chaos` offers all."""


def offered(place: str) -> list[str]:
    """The names that are tried at a place (a write, a command, a socket's method)."""
    names = smuggled()
    if SCALE > 1:
        return names
    turn = crc32(place.encode()) % SHARE
    return [name for number, name in enumerate(names) if name in ALWAYS or number % SHARE == turn]


def smuggled() -> list[str]:
    """The name of every field of every model of ours, and what else one might try to set."""
    names = {
        "*",
        "__class__",
        "$where",
        "user",
        "user_id",
        "staff",
        "is_staff",
        "context",
        "command_id",
        "causation_id",
    }
    for app in ("bus", "sessions_app"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                names |= {field.name, field.attname}
    return sorted(names)
