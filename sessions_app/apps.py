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
        from sessions_app import access, events, projections, reactions, run_projections  # noqa: F401
        from sessions_app.artifacts import collect
        from sessions_app.artifacts import projections as of_artifacts  # noqa: F401
        from sessions_app.handlers import artifacts, conversations, messages, run_steps, runs, sessions, tokens  # noqa: F401
        from sessions_app.llm import budgets, builtin_tools, chunks, leftovers  # noqa: F401

        default.register_events(events)
        default.guards.append(access.GUARD)
        tails.set_source(chunks.growing)
        retention.pruners += [leftovers.prune, chunks.prune, budgets.prune, collect.prune]
        for module in settings.PLUGINS:
            import_module(module)
