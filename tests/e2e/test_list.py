"""The list of sessions: live in two browsers, found, sorted, changed; the way through it by keys alone."""

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser


def test_the_list_lives_in_two_browsers(page: Page, person: Opens, api: Browser) -> None:
    session = api.new_session(title="Shared by two windows")
    page.goto("/sessions/")
    other = person().new_page()
    other.goto("/sessions/")
    row = f'li[data-session="{session}"]'
    for each in (page, other):
        expect(each.locator("form.choosing")).to_have_attribute("data-live", "true")
    page.locator(f"{row} [data-pins]").click()
    expect(other.locator(f"{row}[data-pinned]")).to_be_visible()
    api.say(session, "hello", answer=True)
    expect(other.locator(f"{row} [data-messages]")).to_have_text("2")
    expect(other.locator(f"{row}[data-unread] [data-state]")).to_have_text("new")
    later = api.new_session(title="Begun elsewhere")
    expect(other.locator(f'li[data-session="{later}"] .name')).to_have_text("Begun elsewhere")
    look(other, "list-live")
    assert barriers(other) == []
