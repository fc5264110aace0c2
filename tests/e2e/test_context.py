"""The context in a browser: what is excluded frees room, a summary is made and taken back, all of it live."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.flow.stack import Browser as Caller

LONG = "what was said at length " * 40


def prompt(page: Page) -> int:
    return int(page.locator("[data-prompt]").get_attribute("data-prompt") or 0)


def test_what_is_excluded_frees_room_and_a_summary_can_be_taken_back(page: Page, api: Caller) -> None:
    config = {"provider": "echo", "model": "echo", "provider_options": {"text": "In short: it was long.", "delay": 0}}
    session = api.new_session(title="Full of words", config=config)
    for number in range(6):
        api.say(session, f"{number}: {LONG}")
    page.goto(f"/sessions/{session}/context/")
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    before = prompt(page)
    row = page.locator(".rows li").nth(2)
    row.get_by_role("button", name="Exclude").click()
    expect(row).to_contain_text("It was excluded by hand.")
    assert prompt(page) < before
    expect(row.get_by_role("button", name="Exclude")).to_be_focused()
    row.get_by_role("button", name="Exclude").click()
    expect(row).to_contain_text("Everything fits.")
    page.get_by_role("button", name="Summarise now").click()
    undo = page.get_by_role("button", name="Take this summary back")
    expect(undo).to_be_visible()
    expect(page.locator('[data-outcome="summarised"]')).not_to_have_count(0)
    assert prompt(page) < before
    look(page, "context")
    assert barriers(page) == []
    undo.click()
    expect(page.locator('[data-outcome="summarised"]')).to_have_count(0)
    expect(page.locator("[data-prompt]")).to_have_attribute("data-prompt", re.compile(str(before)))


def test_a_message_said_elsewhere_takes_room_at_once(page: Page, api: Caller) -> None:
    session = api.new_session(title="Live")
    page.goto(f"/sessions/{session}/context/")
    expect(page.get_by_text("Nothing is said yet.")).to_be_visible()
    api.say(session, "said elsewhere")
    expect(page.locator(".rows li")).to_contain_text("said elsewhere")
