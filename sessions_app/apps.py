"""The domain as a Django app: brings its vocabulary, handlers, projections and plugins to the registry."""

from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sessions_app"
    verbose_name = "LLM sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from bus import plugins
        from bus.live import tails
        from bus.registry import default
        from bus.work import retention
        from sessions_app import access, events, panels, projections, reactions, run_projections, switches  # noqa: F401
        from sessions_app.artifacts import collect
        from sessions_app.artifacts import projections as of_artifacts  # noqa: F401
        from sessions_app.handlers import artifacts, conversations, messages, run_steps, runs, sessions, tokens  # noqa: F401
        from sessions_app.llm import budgets, builtin_tools, chunks, leftovers, tools  # noqa: F401

        default.register_events(events)
        default.guards.append(access.GUARD)
        tails.set_source(chunks.growing)
        retention.pruners += [leftovers.prune, chunks.prune, budgets.prune, collect.prune]
        default.switch = tools.default.switch = switches.switches
        plugins.load(default, plugins.named(settings.PLUGINS), panels.remove_of, tools.default.remove_of)
