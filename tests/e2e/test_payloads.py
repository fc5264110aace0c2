"""Whatever somebody says, names, brings along or makes a model say: in a browser it does nothing."""

from typing import Any

from playwright.sync_api import Dialog, Page, expect

from tests.e2e.payloads import MARKDOWN, PAYLOADS, TAGS
from tests.flow.stack import Browser as Caller

FORBIDDEN = "a[href^='javascript' i], a[href^='data' i], iframe, object, embed, base[href], form[action*=evil]"
EXECUTED = """(forbidden) => [
  window.hacked,
  document.querySelector(forbidden)?.outerHTML,
  [...document.querySelectorAll("main *, header *")].find((element) =>
    element.getAttributeNames().some((name) => name.startsWith("on") || name === "style"))?.outerHTML,
].filter(Boolean)"""


def conversation(number: int, title: str, said: list[str]) -> dict[str, Any]:
    """One of a ChatGPT export, in which a person and a model take turns."""
    names = [f"m{place}" for place in range(len(said))]
    mapping = {
        name: {
            "id": name,
            "parent": names[place - 1] if place else None,
            "children": names[place + 1 : place + 2],
            "message": {
                "id": name,
                "author": {"role": "assistant" if place % 2 else "user"},
                "create_time": 1_735_722_000.0 + place,
                "content": {"content_type": "text", "parts": [said[place]]},
                "metadata": {},
            },
        }
        for place, name in enumerate(names)
    }
    ident = f"11111111-2222-4333-8444-{number:012}"
    return {
        "title": title[:200],
        "create_time": 1_735_722_000.0,
        "conversation_id": ident,
        "current_node": names[-1],
        "mapping": mapping,
    }


def imported(api: Caller) -> list[str]:
    """Sessions made of a file: one with all payloads, said by both; the others only with such titles."""
    every = [text for payload in PAYLOADS for text in (payload, payload)]
    file = [conversation(0, TAGS[0], every)]
    file += [conversation(number, payload, ["x"]) for number, payload in enumerate(PAYLOADS[1:25], 1)]
    report = api.call("POST", "sessions/import/", file)
    assert report.status_code == 200, report.text
    sessions = report.json()["sessions"]
    assert {one["status"] for one in sessions} == {"created"}, report.text
    return [one["id"] for one in sessions]


def session_by_rest(api: Caller) -> str:
    """A session in which all places are taken by payloads; a model is about to say them, too."""
    options = {"text": "\n\n".join([*MARKDOWN, *TAGS]), "delay": 0.0}
    config = {"provider": "echo", "model": "echo", "provider_options": options}
    session = api.new_session(title=TAGS[3], config=config)
    for start in range(0, len(PAYLOADS), 20):
        text = "\n\n".join(PAYLOADS[start : start + 20])
        result = {"type": "tool_result", "tool_call_id": f"c{start}", "content": text}
        api.say(
            session,
            text,
            role="assistant",
            tool_calls=[{"tool_call_id": f"c{start}", "name": TAGS[5], "args": {"a": text}}],
        )
        added = api.call("POST", f"sessions/{session}/messages/", {"role": "tool", "content": [result]})
        assert added.status_code == 201, added.text
    for name in (one for one in PAYLOADS if "/" not in one and "\\" not in one and one.isprintable()):
        stored = api.call("POST", f"sessions/{session}/artifacts/", {"name": name, "data": {"x": name}})
        assert stored.status_code in (201, 422), stored.text
    return session


def test_no_payload_is_executed_anywhere(api: Caller, page: Page) -> None:
    dialogs: list[str] = []

    def told(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", told)
    first = imported(api)[0]
    page.goto("/sessions/")
    assert page.evaluate(EXECUTED, FORBIDDEN) == []
    page.goto(f"/sessions/{first}/")
    while page.locator("[data-earlier]").count():
        top = page.locator(".log > article").first.get_attribute("id")
        page.locator("[role=log]").evaluate("log => { log.scrollTop = 0; }")
        expect(page.locator(f".log > article:first-of-type:not(#{top})")).to_be_attached()
        assert page.evaluate(EXECUTED, FORBIDDEN) == []
    session = session_by_rest(api)
    page.goto(f"/sessions/{session}/")
    page.locator(".artifacts summary").click()
    assert page.evaluate(EXECUTED, FORBIDDEN) == []
    page.get_by_label("Message", exact=True).fill(TAGS[0])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Details")).to_be_visible()
    assert page.evaluate(EXECUTED, FORBIDDEN) == []
    for view in ("files", "log", "context", "graphs"):
        page.goto(f"/sessions/{session}/{view}/")
        assert page.evaluate(EXECUTED, FORBIDDEN) == []
    assert dialogs == []
