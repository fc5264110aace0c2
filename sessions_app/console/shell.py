"""What every page of the console is written with; called by unfold, which is told so in the settings."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from sessions_app.pages.theme import theme as chosen_theme


def theme(request: HttpRequest) -> str | None:
    """Light or dark where the person has chosen, as on all other pages; None: as the system has it."""
    chosen: str = chosen_theme(request)["theme"]
    return None if chosen == "system" else chosen


def environment(request: HttpRequest) -> tuple[str, str] | None:
    """Which server this is, so that nobody changes the wrong one."""
    name = settings.ENVIRONMENT_NAME
    return (name, "danger" if name.lower().startswith("prod") else "info") if name else None


def without_inline_styles(request: HttpRequest) -> dict[str, Any]:
    """Unfold writes its colours into each page, which our policy forbids: they are in `console.css`."""
    return {"colors": None}
