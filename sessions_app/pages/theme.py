"""Light, dark, or as the system has it: a cookie of the browser, read as a page is written, so that nothing flashes."""

from typing import Any

from django.http import HttpRequest

COOKIE = "theme"
THEMES = ("system", "light", "dark")


def theme(request: HttpRequest) -> dict[str, Any]:
    """The context processor that `base.html` takes its theme from."""
    chosen = request.COOKIES.get(COOKIE, "")
    return {"theme": chosen if chosen in THEMES else THEMES[0], "themes": THEMES}
