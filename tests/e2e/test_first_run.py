"""Somebody new: from the list to an answered question."""

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers


def test_a_question_is_answered(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Title", exact=True).fill("First words")
    page.get_by_role("button", name="New session").click()
    expect(page.get_by_role("heading", name="First words")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("Hello there")
    page.keyboard.press("Enter")
    expect(page.locator('.message[data-role="assistant"][data-message-id] .prose')).to_contain_text("Hello there")
    assert barriers(page) == []
