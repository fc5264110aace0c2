"""The settings, a refusal, and what somebody sees who has just come: no barriers, in both themes, on a phone."""

from urllib.parse import urlsplit

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from sessions_app.login_link import make_link
from tests.e2e.chromium import Watch, barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Stack

PAGES = ("", "password/", "tokens/", "providers/", "display/", "log/")
NEWCOMER = (
    "INSERT INTO auth_user (username, password, is_active, is_staff, is_superuser, first_name, last_name, email,"
    " date_joined) VALUES ('newcomer', '!', true, false, false, '', '', '', now()) RETURNING id"
)


def test_settings_have_no_barriers(person: Opens) -> None:
    page = person("alice", color_scheme="dark", viewport={"width": 390, "height": 800}).new_page()
    for path in PAGES:
        page.goto(f"/settings/{path}")
        assert barriers(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        look(page, f"settings-{path.strip('/') or 'profile'}-dark-390")


def test_a_token_is_made_and_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/settings/tokens/")
    page.get_by_label("Name").fill("From the browser")
    page.get_by_label("sessions:read").check()
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert str(page.evaluate("navigator.clipboard.readText()")).startswith("parley_")
    assert barriers(page) == []
    page.get_by_role("button", name="Revoke From the browser").click()
    expect(page.get_by_role("status")).to_contain_text("The token is revoked.")


def test_what_is_not_there_says_what_to_do(page: Page, watch: Watch) -> None:
    watch.expect("404")
    page.goto("/no/such/page")
    look(page, "refusal-light")
    assert barriers(page) == []
    page.get_by_role("link", name="Your sessions").click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()


def test_the_first_link_opens_on_a_chat_that_answers(person: Opens, stack: Stack) -> None:
    with stack.connect() as database:
        found = database.execute(NEWCOMER).fetchone()
    assert found is not None
    path = urlsplit(make_link(User(pk=found[0], password="!"))).path
    page = person(None).new_page()
    page.goto(path)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".hint")).to_contain_text("press Enter")
    assert barriers(page) == []
    look(page, "first-run-light")
    page.get_by_label("Message", exact=True).fill("Is anybody there?")
    page.keyboard.press("Enter")
    expect(page.locator('.message[data-role="assistant"][data-message-id]')).to_contain_text("Is anybody there?")
    expect(page.locator(".hint")).to_be_hidden()
