"""The domain as a Django app: brings its vocabulary, handlers, projections and plugins to the registry."""

from importlib import import_module

from django.apps import AppConfig

REGISTERING = (
    *(f"handlers.{name}" for name in ("artifacts", "conversations", "graphs", "messages", "run_steps", "runs")),
    *("handlers.accounts", "handlers.erasure", "handlers.questions", "handlers.sessions", "handlers.sharing"),
    "handlers.tokens",
    "llm.builtin_tools",
    "erasure.projections",
    *("projections", "run_projections", "artifacts.projections", "orchestration.projections"),
    *("accounts.projections", "sharing.projections", "sharing.withdrawn", "erasure.reactions"),
    *("reactions", "orchestration.reactions"),
)
"""Modules that register something when they are imported, in this order: reactions speak in the order in which they
came."""


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
        from sessions_app import access, events, panels, switches
        from sessions_app.artifacts import collect
        from sessions_app.erasure import sweep
        from sessions_app.llm import budgets, chunks, leftovers, tools
        from sessions_app.orchestration import leftovers as left_graphs

        for module in REGISTERING:
            import_module(f"sessions_app.{module}")
        default.register_events(events)
        default.guards.append(access.GUARD)
        tails.set_source(chunks.growing)
        retention.pruners += [leftovers.prune, chunks.prune, budgets.prune, left_graphs.prune, sweep.prune]
        retention.outside.append(collect.prune)
        default.switch = tools.default.switch = switches.switches
        plugins.load(default, plugins.named(settings.PLUGINS), panels.remove_of, tools.default.remove_of)
