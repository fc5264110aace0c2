"""The operators' console in a real browser: every page of it under the strict policy, and what an operator does."""

import pytest
from playwright.sync_api import Page

from tests.e2e.chromium import look
from tests.e2e.conftest import Opens
from tests.e2e.operating import employ
from tests.flow.stack import Browser, Stack


@pytest.fixture
def console(stack: Stack, person: Opens) -> Page:
    """Charlie's page."""
    employ(stack)
    return person("charlie").new_page()


def test_every_list_opens_under_the_strict_policy(console: Page, api: Browser) -> None:
    session = api.new_session(title="Looked at")
    api.say(session, "Hello", answer=True)
    console.goto("/admin/")
    lists = console.locator("#nav-sidebar a[href^='/admin/']").evaluate_all("links => links.map(link => link.pathname)")
    assert len(lists) > 20
    for number, path in enumerate(lists):
        answer = console.goto(path)
        assert answer, path
        assert answer.ok, path
        look(console, f"console-{number}-{path.strip('/').replace('/', '-')}")
