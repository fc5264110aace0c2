"""Each main page in both themes and on phones: no barriers, nothing wider than the screen; a screenshot to look at."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.chromium import Watch, barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser as Caller

SETTINGS = ("", "password/", "tokens/", "providers/", "display/", "log/")
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    "small": {"color_scheme": "dark", "viewport": {"width": 320, "height": 640}},
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def pages_of(api: Caller) -> dict[str, str]:
    """Name and address of each, with something to show."""
    session = api.new_session(title="A walk through all pages", metadata={"folder": "Walks", "tags": ["pages"]})
    api.say(session, "What is there to see?")
    api.say(session, "A **list**, a `log`:\n\n```python\nprint(1)\n```", role="assistant")
    api.call("POST", f"sessions/{session}/artifacts/", {"name": "plan.json", "data": {"steps": [1, 2]}})
    graph = api.call("POST", f"sessions/{session}/graphs/", {"prompts": ["one", "two"]}).json()["id"]
    views = {"chat": "", "log": "log/", "context": "context/", "files": "files/", "graphs": "graphs/"}
    return {
        "list": "/sessions/",
        "found": "/sessions/?q=list",
        **{name: f"/sessions/{session}/{path}" for name, path in views.items()},
        "graph": f"/sessions/{session}/graphs/{graph}/",
        "analytics": "/analytics/",
        "data": "/data/",
        **{f"settings-{path.strip('/') or 'profile'}": f"/settings/{path}" for path in SETTINGS},
        "problem": "/problems/version-conflict",
        "refusal": "/nowhere/",
    }


@pytest.mark.parametrize("looks", LOOKS)
def test_every_page_has_no_barriers_and_fits_the_screen(looks: str, api: Caller, person: Opens, watch: Watch) -> None:
    page = person("alice", reduced_motion="reduce", **LOOKS[looks]).new_page()
    watch.expect("404")  # the page of a refusal is one
    wrong = {
        name: found for name, path in pages_of(api).items() if (found := faults(page, path, f"page-{name}-{looks}"))
    }
    assert wrong == {}


def faults(page: Page, path: str, name: str) -> list[str]:
    """What is wrong with a page as it comes."""
    page.goto(path)
    expect(page.get_by_role("main")).to_be_visible()
    look(page, name)
    wide = page.evaluate(WIDER)
    return [*barriers(page), *([f"{wide} pixels wider than the screen"] if wide > 0 else [])]
