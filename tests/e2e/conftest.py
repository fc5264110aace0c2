"""A Parley and a Chromium for all tests of pages; each person has a browser context of their own in each test."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.chromium import DEADLINE, Watch, chromium, logged_in
from tests.flow.stack import Browser as Caller
from tests.flow.stack import Stack

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
SETTINGS = {"BUS_REAUTHENTICATE": "1", "PLUGINS": ",".join([*settings.PLUGINS, "tests.e2e.guarded"])}


@pytest.fixture(scope="package")
def stack(django_db_setup: None) -> Iterator[Stack]:
    """A web and a worker."""
    made = Stack(f"e2e_{WORKER}", webs=1, workers=1, settings=SETTINGS)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def logins(stack: Stack) -> dict[str, Any]:
    """The cookies of each person who has logged in; that costs half a second, by design."""
    return {}


Opens = Callable[..., BrowserContext]


@pytest.fixture
def watch(stack: Stack) -> Iterator[Watch]:
    """Judges, at the end of the test, all its pages."""
    made = Watch(stack.url())
    yield made
    made.judge()


@pytest.fixture
def person(stack: Stack, browser: Browser, logins: dict[str, Any], watch: Watch) -> Iterator[Opens]:
    """`person("alice", color_scheme="dark")`: a browser context in which she is logged in; None: nobody."""
    opened: list[BrowserContext] = []

    def open_context(name: str | None = "alice", **options: Any) -> BrowserContext:
        if name is not None and name not in logins:
            logins[name] = dict(stack.login(name).client.cookies)
        options = {"base_url": stack.url(), "viewport": {"width": 1280, "height": 800}, **options}
        context = browser.new_context(**options)
        context.set_default_timeout(DEADLINE)
        context.on("page", watch.follow)
        if name is not None:
            logged_in(context, stack.url(), logins[name])
        opened.append(context)
        return context

    yield open_context
    for context in opened:
        context.close()


@pytest.fixture
def page(person: Opens) -> Page:
    """Alice's page, not yet anywhere."""
    return person().new_page()


@pytest.fixture
def api(stack: Stack) -> Iterator[Caller]:
    """Alice as a program: REST with her login."""
    caller = stack.login("alice")
    yield caller
    stack.close_browsers()
