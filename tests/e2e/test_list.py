"""The list of sessions: live in two browsers, sorted and found, on a phone; the way through the app by keys alone."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser


def test_the_list_lives_in_two_browsers(page: Page, person: Opens, api: Browser) -> None:
    session = api.new_session(title="Seen in two windows")
    other = person().new_page()
    row = f'li[data-session="{session}"]'
    for each in (page, other):
        each.goto("/sessions/")
        expect(each.locator("form.choosing")).to_have_attribute("data-live", "true")
    page.locator(f"{row} [data-pins]").click()
    expect(other.locator(f"{row}[data-pinned]")).to_be_visible()
    api.say(session, "hello", answer=True)
    expect(other.locator(f"{row} [data-messages]")).to_have_text("2 messages")
    expect(other.locator(f"{row}[data-unread] [data-state]")).to_have_text("new")
    later = api.new_session(title="Begun elsewhere")
    expect(other.locator(f'li[data-session="{later}"] .name')).to_have_text("Begun elsewhere")
    other.locator(f"{row} > a").click()
    expect(other.locator(".message")).to_have_count(2)
    other.wait_for_load_state()  # the scripts have run
    other.go_back()
    expect(other.locator(f"{row} .name")).to_be_visible()
    expect(other.locator(f"{row}[data-unread]")).to_have_count(0)
    page.locator(f'li[data-session="{later}"] .more summary').click()
    page.locator(f'li[data-session="{later}"]').get_by_role("button", name="Archive").click()
    expect(other.locator(f'li[data-session="{later}"]')).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(other.locator(f'li[data-session="{later}"]')).to_have_count(1)


def test_several_are_chosen_tagged_and_deleted(page: Page, api: Browser) -> None:
    ids = [api.new_session(title=f"Chosen {number}") for number in range(2)]
    page.goto("/sessions/")
    for ident in ids:
        page.locator(f'[name=session][value="{ident}"]').check()
    expect(page.locator(".bulk .count")).to_have_text("2")
    page.get_by_label("Tag or folder").fill("batch")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="2 sessions are tagged.")).to_be_visible()
    page.locator("a.chip", has_text="batch").first.click()
    expect(page.locator("li[data-session]")).to_have_count(2)
    look(page, "list-narrowed-light")
    assert barriers(page) == []
    page.locator(f'[name=session][value="{ids[0]}"]').check()
    page.get_by_role("button", name="Delete…").first.click()
    expect(page.get_by_role("heading", name="Delete this session?")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("li[data-session]")).to_have_count(1)


def test_older_ones_come_by_scrolling(page: Page, api: Browser) -> None:
    for number in range(33):
        api.new_session(title=f"Many {number}", metadata={"tags": ["many"]})
    page.goto("/sessions/?tag=many")
    page.get_by_text("Many 3", exact=True).scroll_into_view_if_needed()
    page.mouse.wheel(0, 100_000)
    expect(page.locator("li[data-session]")).to_have_count(33)
    expect(page.get_by_text("Many 0", exact=True)).to_be_visible()
    page.get_by_label("Search", exact=True).fill("many")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_have_text("Many")
    assert barriers(page) == []


def test_keys_alone_lead_from_the_list_to_a_chat_and_the_settings(page: Page, api: Browser) -> None:
    api.new_session(title="By keys")
    page.goto("/sessions/")
    expect(page.locator("form.choosing")).to_have_attribute("data-live", "true")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Next session")
    look(page, "keys-light")
    assert barriers(page) == []
    page.get_by_label("Single keys do something").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("details.menu summary").click()
    page.locator("[data-shows-keys]").click()
    page.get_by_label("Single keys do something").check()
    page.keyboard.press("Escape")
    focused = page.locator("li[data-session]:focus-within")
    for _ in range(30):
        page.keyboard.press("j")
        if "By keys" in focused.locator(".name").inner_text():
            break
    page.keyboard.press("r")
    expect(focused.get_by_role("textbox")).to_be_focused()
    page.keyboard.type("Renamed by keys")
    page.keyboard.press("Enter")
    expect(focused.locator(".name")).to_have_text("Renamed by keys")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Renamed by keys")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("? g s are letters here")
    page.keyboard.press("Enter")
    expect(page.locator('.message[data-role="assistant"][data-message-id]')).to_contain_text("are letters here")
    page.keyboard.press("Tab")
    page.keyboard.press("g")
    page.keyboard.press("e")
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    expect(page).to_have_url(re.compile("/settings/$"))


def test_a_phone_in_the_dark_has_the_list_and_its_menus(person: Opens, api: Browser) -> None:
    api.new_session(
        title="A title so long that no phone could ever show all of it in one line", metadata={"tags": ["x"]}
    )
    page = person("alice", color_scheme="dark", viewport={"width": 390, "height": 800}, has_touch=True).new_page()
    page.goto("/sessions/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    look(page, "list-dark-390")
    assert barriers(page) == []
    page.locator(".more summary").first.click()
    expect(page.get_by_role("link", name="Folder and tags").first).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Light", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
