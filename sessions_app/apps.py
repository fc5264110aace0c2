"""The domain as a Django app: brings its vocabulary, handlers, projections and plugins to the registry."""

from importlib import import_module

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "LLM sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from bus.live import tails
        from bus.registry import default
        from bus.work import retention
        from sessions_app import access, events, projections, reactions  # noqa: F401
        from sessions_app.handlers import messages, runs, sessions, tokens  # noqa: F401
        from sessions_app.llm import chunks

        default.register_events(events)
        default.guards.append(access.GUARD)
        tails.set_source(chunks.growing)
        retention.pruners.append(chunks.prune)
        for module in settings.PLUGINS:
            import_module(module)
