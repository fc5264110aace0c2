"""The log in a browser: what happens comes by itself, an event is opened, one travels back and forks from there."""

from playwright.sync_api import Page, expect

from tests.e2e.chromium import DEADLINE, Watch, barriers, look
from tests.flow.stack import Browser as Caller


def test_an_event_comes_by_itself_and_is_opened(page: Page, api: Caller) -> None:
    session = api.new_session(title="A long way")
    for number in range(52):
        api.say(session, f"saying {number}")
    page.goto(f"/sessions/{session}/log/")
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    assert page.locator("#lines .event").count() == 50
    api.say(session, "said while I look")
    line = page.locator("#lines .event").last
    expect(line).to_contain_text("User: said while I look")
    expect(line).to_be_in_viewport()
    line.locator("summary").click()
    expect(line.locator("pre")).to_contain_text('"role": "user"')
    expect(line.get_by_role("link", name="Travel to this version")).to_be_visible()
    look(page, "log")
    assert barriers(page) == []
    page.locator("[data-lines]").evaluate("box => box.scrollTop = 0")
    expect(page.locator("#lines .event").first).to_contain_text("session-created")


def test_one_travels_back_and_forks_from_there(page: Page, api: Caller) -> None:
    session = api.new_session(title="Two ways")
    for text in ("the first word", "the second word", "the third word"):
        api.say(session, text)
    api.call("PATCH", f"sessions/{session}/", {"title": "One way"}, If_Match="*")
    page.goto(f"/sessions/{session}/log/")
    page.get_by_role("spinbutton").fill("3")
    page.get_by_role("button", name="Go").click()
    moment = page.get_by_role("complementary")
    expect(moment).to_contain_text("2 events came since, 1 message among them.")
    expect(moment.get_by_role("row", name="title")).to_contain_text("One way")
    expect(moment).not_to_contain_text("the third word")
    assert "at=3" in page.url
    look(page, "log-travel")
    assert barriers(page) == []
    moment.get_by_role("button", name="Fork from here").click()
    page.wait_for_url("**/?conversation=*")
    expect(page.get_by_role("log")).to_contain_text("the second word")
    expect(page.get_by_role("log")).not_to_contain_text("the third word")


def test_what_could_not_be_asked_for_comes_later_and_a_login_is_no_part(page: Page, api: Caller, watch: Watch) -> None:
    for part in ("ERR_INTERNET_DISCONNECTED", "WebSocket", "htmx:sendError", "htmx:afterRequest"):
        watch.expect(part)
    session = api.new_session(title="Off and on")
    page.goto(f"/sessions/{session}/log/")
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    page.context.set_offline(True)
    page.locator("#lines summary").first.click()
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached.")
    api.say(session, "said meanwhile")
    page.context.set_offline(False)
    expect(page.locator("#lines .event").last).to_contain_text("said meanwhile", timeout=DEADLINE)
    page.context.clear_cookies()
    page.locator("#lines summary").last.click()
    expect(page.get_by_role("alert")).to_have_text("You are logged out.")
    expect(page.locator("#lines form")).to_have_count(0)
