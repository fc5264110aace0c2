"""Names of fields that nobody may set from outside. Used by `bad_values`, whose tests offer them everywhere."""

from django.apps import apps


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
