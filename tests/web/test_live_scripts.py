"""That what comes live is shown as it is after a reload: the scripts against the server's vocabulary."""

import re
from pathlib import Path
from typing import Any

from django.test import Client

from bus.registry import default
from sessions_app import commands
from sessions_app.pages.session import SCRIPTS as SESSION_SCRIPTS
from sessions_app.pages.transcript import DECISIONS, REASONS
from tests.story import Story
from tests.web.session_page import page_of

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "parley"
BUTTONS = {"cancel-run", "retry-run", "continue-run", "decide-tool-call"}
WORDS = ("waiting for a decision", "waiting for a worker…", "answering…", "stopping…")


def test_the_buttons_name_commands_that_exist_and_the_page_where_to_send_them(
    alice_client: Client, story: Story
) -> None:
    named = {
        name
        for path in SCRIPTS.glob("*.js")
        for name in re.findall(r'"([a-z]+(?:-[a-z]+)*-(?:run|call))"', path.read_text())
    }
    assert named == {*BUTTONS, "request-run", "change-queued-run"}
    assert all(default.public_command(name, payload_of(name, story)) for name in BUTTONS)
    page = page_of(alice_client, story)
    assert f'data-runs-url="/api/v1/sessions/{story.id}/runs/"' in page
    assert 'data-commands-url="/api/v1/commands/"' in page


def test_the_buttons_that_begin_forks_name_commands_that_exist(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="a question")
    story.tell(commands.AddMessage, content="an answer", role="assistant")
    page = page_of(alice_client, story)
    offered = set(re.findall(r'data-begins="([a-z-]+)"', page))
    scripted = set(re.findall(r'"([a-z]+-(?:conversation|message))"', (SCRIPTS / "messages.js").read_text()))
    assert offered == scripted == {"fork-conversation", "regenerate-message", "edit-message"}
    payload = {"session_id": str(story.id), "message_id": str(story.id)}
    assert default.public_command("fork-conversation", payload)
    assert default.public_command("regenerate-message", payload)
    assert default.public_command("edit-message", {**payload, "content": [{"type": "text", "text": "x"}]})
    shown = set(re.findall(r'^  "(conversation-[a-z]+)":', (SCRIPTS / "forks.js").read_text(), re.MULTILINE))
    assert shown == {kind for kind in default.events if kind.startswith("conversation-")}


def payload_of(name: str, story: Story) -> dict[str, Any]:
    """What static/parley/chat.js sends along."""
    decided = {"tool_call_id": "c1", "approve": True} if name == "decide-tool-call" else {}
    return {"session_id": str(story.id), "run_id": str(story.id), **decided}


def test_the_live_page_knows_every_event_of_runs_and_says_the_same() -> None:
    script = (SCRIPTS / "runs.js").read_text()
    events = {kind for kind in default.events if kind.startswith("run-")}
    assert set(re.findall(r'^  "(run-[a-z-]+)":', script, re.MULTILINE)) == events
    ends = re.search(r"const END = new Set\(\[(.*)\]\)", (SCRIPTS / "live.js").read_text())
    assert ends is not None
    assert set(re.findall(r'"([a-z-]+)"', ends[1])) == {n for n, kind in default.events.items() if kind.ends_tail}
    for words in (*REASONS.values(), *WORDS, *(said for known, said in DECISIONS.items() if known is not None)):
        assert words in script


def test_the_browser_asks_for_all_scripts_of_the_page_at_once() -> None:
    seen: set[str] = set()
    left = ["chat.js"]
    while left:
        name = left.pop()
        imported = set(re.findall(r'from "\./([a-z]+\.js)"', (SCRIPTS / name).read_text())) - seen
        seen |= imported
        left += imported
    assert sorted(f"parley/{name}" for name in seen) == sorted(SESSION_SCRIPTS)
