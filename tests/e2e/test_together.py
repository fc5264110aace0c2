"""Several windows and people on one session: they see each other, and what happens while one of them is away."""

from playwright.sync_api import Page, expect

from tests.e2e.chromium import Watch, look
from tests.e2e.conftest import Opens
from tests.e2e.test_chat import ready, said
from tests.flow.stack import Browser as Caller

QUICK = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0}}


def test_two_people_see_each_other_and_nothing_is_lost_offline(person: Opens, api: Caller, watch: Watch) -> None:
    session = api.new_session(title="Ours", config=QUICK)
    assert api.call("POST", f"sessions/{session}/shares/", {"username": "bob", "role": "editor"}).status_code == 201
    hers, his = person("alice"), person("bob")
    alice, elsewhere, bob = hers.new_page(), hers.new_page(), his.new_page()
    for page in (alice, elsewhere, bob):
        page.goto(f"/sessions/{session}/")
        ready(page)
    expect(alice.locator("[data-people]")).to_have_text("bob is here, too · open in another window of yours")
    expect(bob.locator("[data-people]")).to_have_text("alice is here, too")
    say(bob, "hello from bob")
    for page in (alice, elsewhere):
        expect(said(page, "user")).to_contain_text("hello from bob")
        expect(said(page, "assistant")).to_contain_text("hello from bob")

    watch.expect("ERR_INTERNET_DISCONNECTED")
    hers.set_offline(True)
    expect(alice.locator("[data-banner]")).to_contain_text("You are offline")
    say(alice, "written without a network")
    say(bob, "said meanwhile")
    expect(said(bob, "user")).to_have_count(2)
    look(alice, "chat-offline")
    hers.set_offline(False)
    expect(alice.locator("[data-banner]")).to_contain_text("Caught up to v")
    for page in (alice, elsewhere, bob):
        expect(said(page, "user")).to_have_count(3)
        expect(said(page, "user").last).to_contain_text("written without a network")
    watch.expect("404")  # he may just be asking for a line anew
    assert api.call("DELETE", f"sessions/{session}/shares/{number_of(bob)}/").status_code == 204
    expect(bob.locator("[data-banner]")).to_be_visible()


def test_a_login_that_ends_keeps_what_was_written(person: Opens, watch: Watch, api: Caller) -> None:
    session = api.new_session(config=QUICK)
    context = person("alice")
    page = context.new_page()
    page.goto(f"/sessions/{session}/")
    ready(page).fill("not yet sent")
    watch.expect("401")
    context.clear_cookies()
    page.keyboard.press("Enter")
    link = page.get_by_role("alert").get_by_role("link", name="Log in again")
    expect(link).to_have_attribute("href", f"/login/?next=/sessions/{session}/")
    link.click()
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("alice-password")
    page.keyboard.press("Enter")
    expect(ready(page)).to_have_value("not yet sent")


def say(page: Page, text: str) -> None:
    """Write and send."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def number_of(page: Page) -> str:
    """The number of whom the page is shown to."""
    return str(page.locator("main").get_attribute("data-user"))
