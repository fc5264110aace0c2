"""A graph from the form to its end, and what it used."""

import re

from playwright.sync_api import expect

from tests.e2e.chromium import Watch, barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser as Caller

PHONE = {"width": 390, "height": 844}
QUICK = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0}}


def test_a_graph_of_prompts_is_checked_started_followed_and_counted(person: Opens, api: Caller) -> None:
    session = api.new_session(title="Two views", config=QUICK)
    page, list_of_graphs = person(color_scheme="dark").new_page(), person(viewport=PHONE).new_page()
    list_of_graphs.goto(f"/sessions/{session}/graphs/")
    page.goto(f"/sessions/{session}/graphs/")
    page.get_by_text("Start from prompts").click()
    page.get_by_label("Prompt", exact=True).first.select_option("critique")
    page.get_by_label("text", exact=True).fill("Buses carry.")
    page.get_by_label("criteria").fill('["brevity"]')
    page.get_by_role("button", name="Add another, in parallel").click()
    page.get_by_label("text", exact=True).nth(1).fill("Queues keep.")
    page.get_by_text("Then ask about all the answers").click()
    page.get_by_label("Last prompt").fill("Which one?")
    page.get_by_role("button", name="Check and estimate").first.click()
    expect(page.locator("[data-plan]").first).to_contain_text("3 nodes in 2 steps; at most about")
    assert barriers(page) == []
    look(page, "graphs-form-dark")
    page.get_by_role("button", name="Start", exact=True).first.click()

    expect(page.locator("[data-graph-state]")).to_have_text("succeeded")
    expect(page.locator(".node[data-state=succeeded]")).to_have_count(3)
    page.get_by_role("link", name="critique_1: succeeded").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("link", name="then: succeeded")).to_be_focused()
    assert barriers(page) == []
    look(page, "graph-dark")
    page.keyboard.press("Enter")
    expect(page.locator('.message[data-role="assistant"]').last).to_contain_text("Which one?")

    expect(list_of_graphs.locator(".sessions .state")).to_have_text("succeeded")
    expect(list_of_graphs.locator(".sessions .about")).to_contain_text("3/3 done")
    list_of_graphs.goto("/analytics/?group=session")
    expect(list_of_graphs.get_by_role("img", name="Tokens")).to_be_visible()
    row = list_of_graphs.get_by_role("row", name=re.compile("Two views"))
    expect(row.get_by_role("cell").nth(2)).to_have_text("3")
    list_of_graphs.get_by_text("Answers as a table").click()
    expect(list_of_graphs.get_by_role("columnheader", name="completed")).to_be_visible()
    assert barriers(list_of_graphs) == []
    look(list_of_graphs, "analytics-phone")


def test_a_graph_that_cannot_be_is_refused_in_words(person: Opens, api: Caller, watch: Watch) -> None:
    watch.expect("422")
    session = api.new_session(title="In circles")
    page = person(viewport=PHONE).new_page()
    page.goto(f"/sessions/{session}/graphs/")
    page.get_by_text("Start from JSON").click()
    problem = page.locator('[data-begin="json"] [data-problem]')
    box = page.get_by_label(re.compile("Nodes with their prompts"))
    box.fill("{nodes")
    page.get_by_role("button", name="Start", exact=True).last.click()
    expect(problem).to_contain_text("This is not JSON")
    box.fill('[{"key": "a", "prompt": "x", "dependencies": ["a"]}]')
    with page.expect_response(re.compile("/graphs/$")):
        page.get_by_role("button", name="Check and estimate").last.click()
    expect(problem).to_contain_text("circle")
