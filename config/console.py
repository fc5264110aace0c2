"""The settings of the operators' console: names, looks, and what stands in its sidebar. Part of `settings`."""

from typing import Any

from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config import env

ENVIRONMENT_NAME = env.text("ENVIRONMENT_NAME", "", "shown in the console's header, such as `production` or `staging`")


def _rows(title: Any, icon: str, model: str) -> dict[str, Any]:
    """A link to the list of a model, for who may look at it."""
    app, _dot, name = model.partition(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{name}"),
    }


def _page(title: Any, icon: str, name: str, needs: str) -> dict[str, Any]:
    """A link to a page of the console, for who has that right."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": lambda request: request.user.has_perm(needs),
    }


_GROUPS: list[tuple[Any, list[dict[str, Any]]]] = [
    (
        "",
        [
            {"title": _("Dashboard"), "icon": "monitoring", "link": reverse_lazy("admin:index")},
        ],
    ),
    (
        _("Sessions"),
        [
            _rows(_("Sessions"), "forum", "sessions_app.session"),
            _rows(_("Messages"), "chat_bubble", "sessions_app.message"),
            _rows(_("Artifacts"), "attach_file", "sessions_app.artifact"),
            _rows(_("Memory"), "psychology", "sessions_app.memory"),
            _rows(_("Prompts"), "edit_note", "sessions_app.prompt"),
        ],
    ),
    (
        _("Runs"),
        [
            _rows(_("Runs"), "play_circle", "sessions_app.run"),
            _rows(_("Graphs"), "account_tree", "sessions_app.graph"),
            _rows(_("Commands and work"), "checklist", "bus.work"),
        ],
    ),
    (
        _("Bus"),
        [
            _page(_("Live"), "sensors", "bus", "bus.view_subscribercursor"),
            _rows(_("Log"), "receipt_long", "bus.storedevent"),
            _rows(_("Streams"), "stacked_line_chart", "bus.stream"),
            _rows(_("Subscribers"), "conversion_path", "bus.subscribercursor"),
            _rows(_("Parked deliveries"), "inventory_2", "bus.parkeddelivery"),
        ],
    ),
    (
        _("Money"),
        [
            _page(_("Use and cost"), "bar_chart", "ledger", "sessions_app.view_usageentry"),
            _page(_("Unpriced"), "money_off", "unpriced", "sessions_app.view_modelentry"),
            _rows(_("Catalogue"), "sell", "sessions_app.modelentry"),
            _rows(_("Ledger"), "list_alt", "sessions_app.usageentry"),
            _rows(_("Budgets"), "savings", "sessions_app.budget"),
            _rows(_("Use of budgets"), "donut_small", "sessions_app.budgetuse"),
        ],
    ),
    (
        _("People"),
        [
            _rows(_("Users"), "person", "auth.user"),
            _rows(_("Groups"), "group", "auth.group"),
            _rows(_("Tokens"), "key", "sessions_app.apitoken"),
            _rows(_("Service accounts"), "smart_toy", "sessions_app.serviceaccount"),
        ],
    ),
    (
        _("Data"),
        [
            _rows(_("Retention"), "auto_delete", "sessions_app.retention"),
            _rows(_("Deleted and erased"), "delete_sweep", "sessions_app.removed"),
            _rows(_("Use of erased sessions"), "history", "sessions_app.pastusage"),
        ],
    ),
    (
        _("System"),
        [
            _page(_("Health"), "ecg_heart", "health", "bus.view_work"),
            _rows(_("Plugins"), "extension", "sessions_app.plugin"),
            _rows(_("Providers' keys"), "vpn_key", "sessions_app.providerkey"),
        ],
    ),
]

UNFOLD = {
    "SITE_TITLE": _("Parley console"),
    "SITE_HEADER": "Parley",
    "SITE_SUBHEADER": _("Console"),
    "SITE_SYMBOL": "forum",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "THEME": "sessions_app.console.shell.theme",
    "ENVIRONMENT": "sessions_app.console.shell.environment",
    "GLOBAL_CALLBACK": "sessions_app.console.shell.without_inline_styles",
    "DASHBOARD_CALLBACK": "sessions_app.console.dashboard.shown",
    "SIDEBAR": {"navigation": [{"title": title, "items": items} for title, items in _GROUPS]},
}
