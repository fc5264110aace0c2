"""The console's pages that are no model's: addresses, views, names. Asked for by `site`."""

from typing import Any

from sessions_app.console import health, live, money, timeline, tokens

PAGES: list[tuple[str, Any, str]] = [
    ("bus/live/", live.live, "bus"),
    ("bus/live/part/", live.part, "bus_part"),
    ("bus/live/redrive/", live.redrive, "redrive"),
    ("health/", health.health, "health"),
    ("timeline/<uuid:stream>/", timeline.timeline, "timeline"),
    ("tokens/new/", tokens.new_token, "new_token"),
    ("accounts/new/", tokens.new_account, "new_account"),
    ("money/", money.ledger, "ledger"),
    ("money/unpriced/", money.unpriced, "unpriced"),
]
