"""The operators' console in a real browser: every page of it under the strict policy, and what an operator does."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.e2e.operating import employ, park
from tests.flow.stack import Browser, Stack


@pytest.fixture
def operators(stack: Stack, person: Opens) -> Opens:
    """Opens Charlie's browsers."""
    employ(stack)
    return lambda **options: person("charlie", **options)


@pytest.fixture
def console(operators: Opens) -> Page:
    """Charlie's page."""
    return operators().new_page()


KINDS = (
    *("", "?span=month", "sessions_app/session/", "sessions_app/message/", "bus/storedevent/?type=message-added"),
    *("sessions_app/session/add/", "sessions_app/modelentry/add/", "sessions_app/providerkey/add/", "auth/user/add/"),
    *(
        "sessions_app/session/{session}/change/",
        "sessions_app/session/{session}/delete/",
        "sessions_app/run/{run}/change/",
    ),
    *("timeline/{session}/", "health/", "money/", "tokens/new/", "password_change/"),
)
"""One page of each kind; that none of all pages has anything inline, tests of pages without a browser see."""


def test_pages_come_alive_under_the_strict_policy(console: Page, api: Browser) -> None:
    session = api.new_session(title="Looked at")
    run = api.call("POST", f"sessions/{session}/runs/", {"input": "Hello"}).json()["id"]
    for kind in KINDS:
        path = f"/admin/{kind.format(session=session, run=run)}"
        answer = console.goto(path, wait_until="domcontentloaded")
        assert answer, path
        assert answer.ok, path
        expect(console.locator("html.alive"), path).to_have_count(1)


def test_an_operator_has_a_delivery_tried_again(console: Page, api: Browser, stack: Stack) -> None:
    api.new_session(title="Parked")
    position = park(stack)
    console.goto("/admin/bus/live/")
    expect(console.get_by_text("It went wrong")).to_be_visible()
    assert barriers(console) == []
    console.get_by_role("button", name=f"Redrive {position}").click()
    expect(console.get_by_text("A worker will try it again.")).to_be_visible()
    expect(console.get_by_text("Nothing is parked")).to_be_visible()  # the page asks for itself again


def test_an_operator_stops_a_run(console: Page, api: Browser) -> None:
    slow = {"provider": "echo", "model": "echo", "provider_options": {"delay": 5}}
    session = api.new_session(title="Slow", config=slow)
    run = api.call("POST", f"sessions/{session}/runs/", {"input": "Take your time"}).json()["id"]
    console.goto(f"/admin/sessions_app/run/{run}/change/")
    console.get_by_role("button", name="Cancel").click()
    expect(console.get_by_text("1 done.")).to_be_visible()
    console.get_by_role("link", name="Timeline and past versions").click()
    expect(console.get_by_text("run-cancel", exact=False).first).to_be_visible()
    console.get_by_label("As of version").fill("1")
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", name="As it was at version 1")).to_be_visible()


def test_an_operator_makes_a_token(console: Page, stack: Stack) -> None:
    console.goto("/admin/sessions_app/apitoken/")
    console.get_by_role("link", name="New token").click()
    console.get_by_label("Name").fill("nightly")
    console.get_by_label("sessions:read").check()
    console.get_by_role("button", name="Make it").click()
    text = console.locator("#token-text").inner_text()
    answer = httpx.get(f"{stack.url()}/api/v1/sessions/", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200


def test_the_frame_works_by_keyboard_on_a_phone_and_in_the_dark(operators: Opens) -> None:
    page = operators(viewport={"width": 390, "height": 800}).new_page()
    page.goto("/admin/?span=month")
    menu = page.get_by_role("button", name="Navigation")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Health").click()
    for kind in ("web", "worker"):
        expect(page.get_by_role("cell", name=kind, exact=True)).to_be_visible()
    for path in ("bus/live/", "?span=month"):
        page.goto(f"/admin/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.get_by_role("button", name="Navigation").click()
    page.get_by_role("button", name="charlie").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html.dark")).to_have_count(1)
    page.reload()
    expect(page.locator("html.dark.alive")).to_have_count(1)
    assert barriers(page) == []
    look(page, "console-phone-dark")
