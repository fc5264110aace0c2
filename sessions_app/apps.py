"""The domain as a Django app: brings its vocabulary, handlers, projections and plugins to the registry."""

from importlib import import_module

from django.apps import AppConfig

REGISTERING = (
    "handlers.accounts",
    "handlers.artifacts",
    "handlers.chats",
    "handlers.compaction",
    "handlers.conversations",
    "handlers.erasure",
    "handlers.exchange",
    "handlers.graphs",
    "handlers.messages",
    "handlers.questions",
    "handlers.run_steps",
    "handlers.runs",
    "handlers.sessions",
    "handlers.sharing",
    "handlers.tokens",
    "llm.builtin_tools",
    "erasure.projections",
    "projections",
    "run_projections",
    "accounts.projections",
    "artifacts.projections",
    "exchange.projections",
    "insight_projections",
    "orchestration.projections",
    "sharing.projections",
    "sharing.withdrawn",
    "erasure.reactions",
    "reactions",
    "accounts.reactions",
    "orchestration.reactions",
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
        from sessions_app import access, events, panels, switches, tickets
        from sessions_app.accounts import audit
        from sessions_app.artifacts import collect
        from sessions_app.erasure import sweep
        from sessions_app.exchange import bulk
        from sessions_app.llm import budgets, chunks, leftovers, tools
        from sessions_app.orchestration import leftovers as left_graphs

        for module in REGISTERING:
            import_module(f"sessions_app.{module}")
        default.register_events(events)
        default.guards.append(access.GUARD)
        audit.connect()
        tails.set_source(chunks.growing)
        retention.pruners += [tickets.prune, leftovers.prune, chunks.prune, budgets.prune, left_graphs.prune]
        retention.pruners.append(sweep.prune)
        retention.outside += [collect.prune, bulk.prune]
        default.switch = tools.default.switch = switches.switches
        plugins.load(default, plugins.named(settings.PLUGINS), panels.remove_of, tools.default.remove_of)
