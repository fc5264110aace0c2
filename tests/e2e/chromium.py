"""A real Chromium for tests. `Watched` pages fail the test for what a person would not see: errors in the console,
violations of the policy, requests to other hosts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from config import settings as ours

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update")
DEADLINE = 15_000
"""Milliseconds that an element has to come."""
expect.set_options(timeout=DEADLINE)


def installed() -> str | None:
    """The browser's program, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser; skips the test, loudly, where there is none."""
    program = installed()
    if program is None:
        pytest.skip(f"NO BROWSER: none of {', '.join(NAMES)} is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


class Watch:
    """What went wrong in the pages of one context."""

    def __init__(self, origin: str) -> None:
        self.origin = urlsplit(origin).netloc
        self.wrong: list[str] = []
        self.expected: list[str] = []

    def follow(self, page: Page) -> None:
        """Listen to a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", self._request)

    def expect(self, part: str) -> None:
        """From now on, an error that contains this is part of the test."""
        self.expected.append(part)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):  # violations of the policy are errors, too
            self.wrong.append(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about") and address.netloc != self.origin:
            self.wrong.append(f"a request to another host: {request.url}")

    def judge(self) -> None:
        """Fails for everything that was not expected."""
        wrong = [one for one in self.wrong if not any(part in one for part in self.expected)]
        assert not wrong, wrong


def look(page: Page, name: str) -> Path:
    """Keep a screenshot for people to look at, under var/screenshots."""
    path: Path = ours.VAR / "screenshots" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True, animations="disabled")
    return path


def barriers(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is."""
    found: dict[str, Any] = Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{one['impact']}: {one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def logged_in(context: BrowserContext, url: str, cookies: Any) -> None:
    """Give a context the cookies of a login."""
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in dict(cookies).items()])
