"""Light, dark, or as the system has it: a cookie of the browser, read as a page is written, so that nothing flashes."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views import View

from sessions_app.pages.common import back

COOKIE = "theme"
THEMES = ("system", "light", "dark")
YEAR = 31_536_000
"""Seconds."""


def theme(request: HttpRequest) -> dict[str, Any]:
    """The context processor that `base.html` takes its theme from."""
    chosen = request.COOKIES.get(COOKIE, "")
    return {"theme": chosen if chosen in THEMES else THEMES[0], "themes": THEMES}


class ThemePage(View):
    """`theme/`: what the buttons do in browsers without our script."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep the choice, and back to where it was made."""
        answer = back(request, "sessions")
        chosen = request.POST.get("theme", "")
        if chosen in THEMES:
            answer.set_cookie(COOKIE, chosen, max_age=YEAR, secure=request.is_secure(), samesite="Lax")
        return answer
