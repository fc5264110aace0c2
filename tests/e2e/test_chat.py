"""A conversation as a person has it: sent, stopped, made again, said otherwise; written down, put to, queued."""

import base64
import re
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser as Caller

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PASTE = """(box, bytes) => {
    const carried = new DataTransfer();
    const content = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
    carried.items.add(new File([content], "sketch.png", { type: "image/png" }));
    box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true }));
}"""


def opened(page: Page, api: Caller, tools: Sequence[str] = (), **options: Any) -> Locator:
    """A new session's page, whose model does as `options` say; its box, when everything listens."""
    config = {"provider": "echo", "model": "echo", "tools": [*tools], "provider_options": {"delay": 0, **options}}
    page.goto(f"/sessions/{api.new_session(title='Plans', config=config)}/")
    return ready(page)


def ready(page: Page) -> Locator:
    """The box of the page that is open, when everything listens."""
    expect(page.locator("[data-status][data-state=live]")).to_be_visible()
    return page.get_by_label("Message", exact=True)


def said(page: Page, role: str) -> Locator:
    """What somebody has said."""
    return page.locator(f'[role=log] > [data-message-id][data-role="{role}"]')


def test_an_answer_is_stopped_made_again_and_the_question_said_otherwise(page: Page, api: Caller) -> None:
    box = opened(page, api, delay=0.2, repeat=200)
    box.fill("tell me more")
    box.press("Enter")
    expect(page.locator("[data-open] .text")).to_contain_text("tell me more tell")
    page.reload()  # in mid-stream
    expect(page.locator("[data-open] .text")).to_contain_text("tell me more tell me more")
    ready(page).press("Escape")
    expect(said(page, "assistant")).to_contain_text("tell me more")
    expect(page.locator("[data-said]")).to_have_text("The answer was stopped.")
    expect(page.get_by_role("button", name="Stop the answer")).to_be_hidden()

    said(page, "assistant").get_by_role("button", name="Answer again").click()
    page.wait_for_url("**conversation=**")
    ready(page).press("Escape")
    versions = said(page, "assistant").get_by_role("navigation", name="Versions")
    expect(versions).to_contain_text("2/2")

    ready(page).press("ArrowUp")
    again = said(page, "user").get_by_label("Message")
    expect(again).to_have_value("tell me more")
    again.fill("tell me less")
    again.press("Enter")
    expect(said(page, "user")).to_contain_text("tell me less")
    ready(page).press("Escape")
    expect(said(page, "user").get_by_role("navigation", name="Versions")).to_contain_text("2/2")
    page.get_by_role("link", name="Previous version").click()
    expect(said(page, "user")).to_contain_text("tell me more")
    page.locator("[data-conversations] summary").click()
    expect(page.locator(".tree li")).to_have_count(3)


def test_what_waits_is_changed_hurried_and_removed(page: Page, api: Caller) -> None:
    box = opened(page, api, delay=0.3, repeat=200)
    for text in ("first", "second", "third", "fourth"):
        box.fill(text)
        box.press("Enter")
        expect(box).to_have_value("")
        expect(page.locator(".message[data-open]")).to_be_visible()  # what is sent before is no chip
    chips = page.get_by_role("list", name="Waiting messages").get_by_role("listitem")
    expect(chips).to_have_text([re.compile("second"), re.compile("third"), re.compile("fourth")])
    chips.nth(1).get_by_role("button", name="Edit").click()
    chips.nth(1).get_by_label("Message").fill("third, but better")
    page.keyboard.press("Enter")
    expect(chips.nth(1)).to_contain_text("third, but better")
    chips.nth(0).get_by_role("button", name="Remove").click()
    expect(chips).to_have_count(2)
    chips.nth(1).get_by_role("button", name="Send now").click()
    expect(said(page, "user").last).to_contain_text("fourth")
    expect(chips).to_have_text([re.compile("third, but better")])
    page.reload()
    expect(chips).to_have_text([re.compile("third, but better")])


def test_a_draft_and_a_pasted_picture_survive_a_reload_and_are_sent(page: Page, api: Caller) -> None:
    box = opened(page, api)
    box.fill("What is this?")
    box.evaluate(PASTE, base64.b64encode(PICTURE).decode())
    picture = page.locator(".file:not([aria-busy]) img")
    expect(picture).to_be_visible()
    page.locator("[data-files]").set_input_files({"name": "empty.txt", "mimeType": "text/plain", "buffer": b""})
    expect(page.get_by_role("alert")).to_have_text("empty.txt is empty.")
    page.reload()
    expect(ready(page)).to_have_value("What is this?")
    expect(picture).to_be_visible()
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 1
    ready(page).press("Enter")
    expect(said(page, "user")).to_contain_text("sketch.png")
    expect(said(page, "assistant")).to_contain_text("What is this?")
    expect(page.locator(".file")).to_have_count(0)
    page.reload()
    expect(ready(page)).to_have_value("")


def test_commands_are_chosen_by_keys_and_the_head_follows(page: Page, api: Caller) -> None:
    box = opened(page, api)
    box.fill("/")
    expect(page.get_by_role("option", selected=True)).to_contain_text("/new")
    assert barriers(page) == []
    box.fill("/mo")
    box.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model").fill("echo-2")
    assert barriers(page) == []
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Model: echo/echo-2")).to_be_visible()
    box.fill("/rename Plans for the garden")
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plans for the garden")
    page.get_by_label("More about this session").click()
    page.get_by_role("button", name="Archive", exact=True).click()
    expect(page.locator("[data-archived]")).to_be_visible()
    page.get_by_label("More about this session").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/sessions/")


def test_a_tool_waits_for_a_decision_on_a_phone(person: Opens, api: Caller) -> None:
    phone = person(
        "alice", viewport={"width": 390, "height": 780}, has_touch=True, color_scheme="dark", reduced_motion="reduce"
    ).new_page()
    box = opened(phone, api, ["guarded"], tool={"name": "guarded", "args": {}})
    box.fill("open the gate")
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.locator("[data-said]")).to_have_text("A tool waits for your decision.")
    phone.reload()
    expect(phone.get_by_role("button", name="Deny")).to_be_visible()
    look(phone, "chat-decision-dark-390")
    assert barriers(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.get_by_role("button", name="Allow").click()
    expect(phone.locator("[data-said]")).to_have_text("Answer complete.")
    expect(said(phone, "assistant").last).to_contain_text("The gate is open.")
