"""How messages are shown in a browser: prose, code, pictures, what streams, what can be copied."""

import json
import re

from playwright.sync_api import Page, expect

from tests.e2e.chromium import barriers, look
from tests.e2e.conftest import Opens
from tests.flow.stack import Browser as Caller

ANSWER = """## A plan

There are **two** ways, see [the paper](https://example.org/paper) or https://example.org/more.

1. Measure first:

   ```python
   def answer(question: str) -> int:
       \"\"\"All of it.\"\"\"
       return 42  # as always
   ```

2. Then decide.

| what | cost |
|---|--:|
| a | 1.50 |
| b | 12.00 |

> A quotation, and `code`.

![a cat](https://pictures.example/cat.png)
"""

LINES = """lines => lines.map((line) => {
  const copy = line.cloneNode(true);
  copy.querySelectorAll("time, .facts").forEach((one) => one.replaceChildren());
  return copy.outerHTML;
})"""
"""Lines as they are, but for times and for what a run has come to in the meantime."""


def told(api: Caller, **more: object) -> str:
    """A session in which a model has said all kinds of things."""
    session = api.new_session(title="A plan", **more)
    api.say(session, "What shall we do?\nTwo lines.")
    api.say(session, ANSWER, role="assistant")
    return session


def test_an_answer_is_prose_with_code_to_copy(api: Caller, person: Opens) -> None:
    session = told(api)
    context = person("alice", permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"/sessions/{session}/")
    answer = page.locator('.message[data-role="assistant"]')
    expect(answer.locator(".prose h4")).to_have_text("A plan")
    expect(answer.get_by_role("link", name="Picture from pictures.example: a cat")).to_be_visible()
    answer.locator(".code").get_by_role("button", name="Copy").click()
    expect(answer.locator(".code").get_by_role("button", name="Copied")).to_be_visible()
    assert "return 42  # as always\n" in page.evaluate("navigator.clipboard.readText()")
    answer.locator(".tools").get_by_role("button", name="Copy").click()
    expect(answer.locator(".tools").get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ANSWER
    assert barriers(page) == []
    look(page, "chat-light")
    small = person("alice", color_scheme="dark", viewport={"width": 390, "height": 844}).new_page()
    small.goto(f"/sessions/{session}/")
    expect(small.locator(".prose h4")).to_be_visible()
    assert small.evaluate("document.documentElement.scrollWidth") <= 390
    assert barriers(small) == []
    look(small, "chat-dark-390")


def test_an_answer_becomes_prose_as_it_is_written(api: Caller, page: Page) -> None:
    text = "First **words** here.\n\n```python\nx = 1\n\ny = 2\n```\n\nThe " + "end " * 2000
    options = {"text": text, "delay": 0.02}
    session = api.new_session(
        title="Growing", config={"provider": "echo", "model": "echo", "provider_options": options}
    )
    page.goto(f"/sessions/{session}/")
    page.get_by_label("Message", exact=True).fill("Go")
    page.keyboard.press("Enter")
    open_ = page.locator(".message[data-open]")
    expect(open_.locator(".grown strong")).to_have_text("words")
    expect(open_.locator(".grown .code")).to_contain_text("y = 2")
    look(page, "chat-growing")
    open_.get_by_role("button", name="Stop").click()
    done = page.locator('.message[data-role="assistant"][data-message-id]')
    expect(done.locator(":scope > .prose strong")).to_have_text("words")
    expect(done.locator(".growing")).to_have_count(0)
    done.get_by_role("button", name="Details").click()
    expect(done.locator(".facts")).to_contain_text(re.compile("Model.*echo/echo.*Tokens written.*Cost"))
    look(page, "chat-details")


def test_tool_calls_are_cards_whose_long_results_are_folded(api: Caller, person: Opens) -> None:
    session = told(api)
    found = [{"name": f"plan {number}", "size": number} for number in range(30)]
    call = {"tool_call_id": "c1", "name": "search", "args": {"query": "plans", "limit": 30}}
    api.say(session, "Let me look.", role="assistant", tool_calls=[call])
    result = {"type": "tool_result", "tool_call_id": "c1", "content": json.dumps(found)}
    assert api.call("POST", f"sessions/{session}/messages/", {"role": "tool", "content": [result]}).status_code == 201
    page = person("alice", color_scheme="dark").new_page()
    page.goto(f"/sessions/{session}/")
    card = page.locator(".card")
    expect(card.get_by_text("tool call: search")).to_be_visible()
    expect(card.get_by_text('"plan 7"')).to_be_hidden()
    card.get_by_text("122 lines").click()
    expect(card.get_by_text('"plan 7"')).to_be_visible()
    assert barriers(page) == []
    look(page, "chat-cards-dark")
    api.say(session, "Another line comes, and what was opened stays open.")
    expect(page.get_by_text("Another line comes")).to_be_visible()
    expect(card.get_by_text('"plan 7"')).to_be_visible()


def test_what_came_live_is_what_a_reload_shows(api: Caller, page: Page) -> None:
    options = {"tool": {"name": "clock"}, "delay": 0.0}
    config = {"provider": "echo", "model": "echo", "tools": ["clock"], "provider_options": options}
    session = api.new_session(title="Live", config=config)
    page.goto(f"/sessions/{session}/")
    page.get_by_label("Message", exact=True).fill("What time is it?")
    page.keyboard.press("Enter")
    expect(page.locator('.message[data-role="assistant"] .card .result')).to_be_visible()
    expect(page.get_by_role("button", name="Details")).to_have_count(2)
    expect(page.locator("[data-open], .growing")).to_have_count(0)
    expect(page.locator(".log > article")).to_have_count(3)
    came = page.locator(".log > article").evaluate_all(LINES)
    page.reload()
    expect(page.locator(".log > article")).to_have_count(3)
    assert page.locator(".log > article").evaluate_all(LINES) == came
