"""A long conversation in a browser: it opens at its end, and any part of it can be reached."""

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.test_payloads import conversation
from tests.flow.stack import Browser as Caller

COUNT = 260
ANCHOR = """log => {
  const top = log.getBoundingClientRect().top;
  const line = [...log.querySelectorAll("article")].find((one) => one.getBoundingClientRect().top > top + 50);
  window.anchor = line;
  return line.getBoundingClientRect().top;
}"""


def long_session(api: Caller) -> str:
    """A person and a model, turn by turn."""
    said = [f"This is saying {number}.\n\n" + "It goes on. " * (number % 40) for number in range(COUNT)]
    report = api.call("POST", "sessions/import/", [conversation(900, "A long one", said)])
    assert report.status_code == 200, report.text
    ident: str = report.json()["sessions"][0]["id"]
    return ident


def test_a_long_conversation_is_reached_in_all_its_parts(api: Caller, page: Page) -> None:
    session = long_session(api)
    page.goto(f"/sessions/{session}/")
    log = page.get_by_role("log")
    expect(page.get_by_text(f"This is saying {COUNT - 1}.")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Newest")).to_be_hidden()

    # scrolling up brings earlier lines, and what is read stays where it is
    log.evaluate("log => { log.scrollTop = 60; }")
    before = log.evaluate(ANCHOR)
    expect(page.get_by_text(f"This is saying {COUNT - 60}.")).to_be_attached()
    after = page.evaluate("window.anchor.getBoundingClientRect().top")
    assert abs(after - before) < 3, (before, after)
    expect(page.get_by_role("button", name="Newest")).to_be_visible()

    # the beginning, by its link; only a part of the conversation is there
    page.get_by_text("Go to…").click()
    page.get_by_role("link", name="The beginning").click()
    expect(page.get_by_text("This is saying 0.")).to_be_in_viewport()
    for _ in range(12):
        last = page.locator(".log > article").last.get_attribute("id")
        log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
        if page.get_by_text(f"This is saying {COUNT - 1}.").count():
            break
        expect(page.locator(f".log > article:last-of-type:not(#{last})")).to_be_attached()
    expect(page.get_by_text(f"This is saying {COUNT - 1}.")).to_be_attached()
    assert page.locator(".log > article").count() < 220
    assert page.locator("[data-earlier]").count() == 1

    # a link to a message far away, and back to the newest, where something has come meanwhile
    first = api.call("GET", f"sessions/{session}/messages/?limit=20").json()["data"][10]
    page.goto(f"/sessions/{session}/#m-{first['id']}")
    expect(page.locator(f"#m-{first['id']}")).to_be_in_viewport()
    expect(page.locator("[data-status]")).to_have_text("Connected")
    api.say(session, "Something new.")
    newest = page.get_by_role("button", name="Newest 1")
    expect(newest).to_be_visible()
    look(page, "chat-in-the-middle")
    assert barriers(page) == []
    newest.click()
    expect(page.get_by_text("Something new.")).to_be_in_viewport()
    expect(page.locator("[data-newest]")).to_be_hidden()
