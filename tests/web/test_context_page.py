"""The page of a session's context: what the next request contains and why, what it costs, what can be done about it.

The same buttons work without our script; that is how they are pressed here."""

import html
import json
import re
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bus.bus import bus
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.models import Budget, Message, ModelEntry, Session
from sessions_app.pages import context as page_module
from sessions_app.pages import fates
from sessions_app.values import ConfigPatch, SessionConfig
from tests.story import Story, assert_replay_rebuilds_the_same_rows
from tests.web.browser import shown

PART = {"HX-Request": "true"}
WORDS = "many words " * 40


def context_of(story: Story, query: str = "") -> str:
    return f"/sessions/{story.id}/context/{query}"


def prompt(page: str) -> int:
    found = re.search(r'data-prompt="(\d+)"', page)
    assert found is not None
    return int(found[1])


def outcomes(page: str) -> list[str]:
    """What becomes of the messages, newest first."""
    return re.findall(r'<li data-outcome="(\w+)"', page)


def press(client: Client, story: Story, label: str, nth: int = 0) -> Any:
    """Press the button of that name, as a browser without our script does."""
    page = shown(client, context_of(story))
    found = [
        (command, html.unescape(payload))
        for form in re.findall(r'<form method="post".*?</form>', page, re.DOTALL)
        for command in re.findall(r'name="command" value="([a-z-]+)"', form)
        for payload in re.findall(rf"value='([^']*)'[^>]*>{label}</button>", form)
    ]
    command, payload = found[nth]
    return client.post(context_of(story), {"command": command, "payload": payload})


def end(story: Story, **how: Any) -> None:
    """The run that was asked for is done, as by a worker."""
    worker, run = Story(story.id, Actor("system")), Session.objects.get().runs.get().id
    worker.tell(commands.StartRun, run_id=run)
    worker.tell(commands.EndRun, run_id=run, **how)


@pytest.fixture
def full(story: Story) -> Story:
    """A session with much in it."""
    for number in range(4):
        story.tell(commands.AddMessage, content=f"{number}: {WORDS}")
    return story


# -- the next request --------------------------------------------------------------------------------------------------


def test_the_plan_says_what_is_sent_what_it_takes_and_what_it_costs(alice_client: Client, full: Story) -> None:
    page = shown(alice_client, context_of(full))
    assert outcomes(page) == ["kept"] * 4
    assert page.index("3: many words") < page.index("0: many words")
    tokens = sum(int(found) for found in re.findall(r'class="tokens">(\d+)', page))
    assert prompt(page) == tokens
    assert "Window of echo" in page
    assert "8,192" in page
    assert "Everything is sent." in page
    assert "Cost: about $0.0000 to send, at most $0.0000" in page


def test_what_is_not_known_is_called_unknown(alice: User, alice_client: Client) -> None:
    config = SessionConfig(provider="nobody", model="knows")
    actor = Actor("user", str(alice.pk))
    story = Story(bus.execute(commands.CreateSession(config=config), Context(actor=actor)).data["id"], actor)
    story.tell(commands.AddMessage, content="hello")
    page = shown(alice_client, context_of(story))
    assert "The window of knows is unknown" in page
    assert "Cost: unknown, this model is unpriced." in page
    assert "<svg" not in page
    assert "% of the window" not in page


def test_what_does_not_fit_is_said_and_can_be_mended(alice_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="x" * 40_000)
    story.tell(commands.UpdateMessage, message_id=Message.objects.get().id, metadata={"pinned": True})
    page = shown(alice_client, context_of(story))
    assert "What must be sent takes about" in page
    assert outcomes(page) == ["unknown"]
    press(alice_client, story, "Exclude")
    assert outcomes(shown(alice_client, context_of(story))) == ["excluded"]


def test_what_is_left_out_is_told_with_its_reason_and_can_be_looked_at_alone(
    alice_client: Client, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fates, "ROWS", 3)
    for number in range(6):
        story.tell(commands.AddMessage, content=f"{number} " + "word " * 1500)
    page = shown(alice_client, context_of(story, "?strategy=truncate&show=out"))
    assert set(outcomes(page)) == {"dropped"}
    assert "It is among the oldest, and not all fits." in page
    older = re.search(r'href="(\?[^"]*older=[^"]+)"', page) or re.search(
        r'href="(\?[^"]*older=[^"]+)"', shown(alice_client, context_of(story))
    )
    assert older is not None
    page = shown(alice_client, context_of(story, html.unescape(older[1])))
    assert "0 word" in page


# -- what can be done --------------------------------------------------------------------------------------------------


def test_a_message_is_pinned_and_excluded_and_neither_any_more(alice_client: Client, full: Story) -> None:
    before = prompt(shown(alice_client, context_of(full)))
    assert press(alice_client, full, "Exclude", 1).status_code == 302
    page = shown(alice_client, context_of(full))
    assert outcomes(page) == ["kept", "excluded", "kept", "kept"]
    assert "It was excluded by hand." in page
    assert prompt(page) < before
    press(alice_client, full, "Exclude", 1)
    press(alice_client, full, "Pin", 3)
    page = shown(alice_client, context_of(full))
    assert prompt(page) == before
    assert "It is pinned." in page
    press(alice_client, full, "Pin", 3)
    assert not Message.objects.filter(metadata__has_any_keys=["pinned", "excluded"]).exists()
    assert_replay_rebuilds_the_same_rows()


def test_a_summary_is_made_and_taken_back(alice_client: Client, full: Story) -> None:
    before = prompt(shown(alice_client, context_of(full)))
    press(alice_client, full, "Summarise now")
    assert "A summary is being made…" in shown(alice_client, context_of(full))
    told = list(Message.objects.order_by("position").values_list("id", flat=True)[:2])
    end(full, outcome="completed", text="in short", covers=told)
    page = shown(alice_client, context_of(full))
    assert outcomes(page) == ["kept", "kept", "kept", "summarised", "summarised"]
    assert prompt(page) < before
    press(alice_client, full, "Take this summary back")
    assert prompt(shown(alice_client, context_of(full))) == before


def test_where_no_summary_could_be_made_the_page_says_why(alice_client: Client, story: Story) -> None:
    press(alice_client, story, "Summarise now")
    end(story, outcome="failed", error="Nothing stands before it.")
    assert "No summary was made: Nothing stands before it." in shown(alice_client, context_of(story))


def test_a_strategy_is_tried_and_used(alice_client: Client, story: Story) -> None:
    assert "This is how it would be with truncate." in shown(alice_client, context_of(story, "?strategy=truncate"))
    press(alice_client, story, "Use", 1)
    chosen = Session.objects.get().config["context_strategy"]
    assert chosen in page_module.STRATEGIES
    press(alice_client, story, "As the server has it")
    assert "context_strategy" not in Session.objects.get().config


# -- cost and budgets --------------------------------------------------------------------------------------------------


def test_what_was_used_is_told_by_model_and_what_is_unpriced_as_such(alice_client: Client, full: Story) -> None:
    full.tell(commands.UpdateTokenMetrics, prompt_tokens=5)
    full.tell(commands.UpdateSession, config=ConfigPatch(provider="nobody", model="knows"))
    full.tell(commands.UpdateTokenMetrics, prompt_tokens=70, completion_tokens=7)
    page = shown(alice_client, context_of(full))
    assert '<th scope="row">echo/echo</th>' in page
    assert '<th scope="row">nobody/knows</th><td>77</td>' in page
    assert "and 1 request unpriced" in page
    assert "since some of it is unpriced" in page


def test_a_budget_says_what_is_left_to_those_it_belongs_to(
    alice: User, alice_client: Client, bob: User, bob_client: Client, story: Story
) -> None:
    ModelEntry.objects.create(provider="echo", model="echo", input_price=Decimal(1), output_price=Decimal(1))
    Budget.objects.create(scope="session", session=story.id, tokens=100_000)
    Budget.objects.create(scope="user", user=alice, period="month", usd=Decimal(5))
    story.tell(commands.AddMessage, content="hello", answer=True)
    page = shown(alice_client, context_of(story))
    assert "This session, in all:" in page
    assert "left of 100,000 tokens" in page
    assert "All your sessions, this month:" in page
    assert "left of $5.0000" in page
    assert "0 tokens set aside" not in page
    story.tell(commands.ShareSession, username="bob", role="editor")
    theirs = shown(bob_client, context_of(story))
    assert "left of 100,000 tokens" in theirs
    assert "$5.0000" not in theirs


# -- bounds and rights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("delete-session", "{}"),
        ("update-message", "["),
        ("update-message", "[" * 5000),
        ("update-message", "[]"),
        ("update-message", '{"no": "field"}'),
        ("", ""),
        ("undo-compaction", '{"message_id": 7}'),
    ],
)
def test_what_no_button_says_is_refused_in_words(
    alice_client: Client, story: Story, command: str, payload: str
) -> None:
    answer = alice_client.post(context_of(story), {"command": command, "payload": payload})
    assert answer.status_code in (400, 422)
    assert re.search(r'role="alert" data-problem>[^<]', answer.content.decode())
    assert story.types() == ["session-created"]


@pytest.mark.parametrize("query", ["?strategy=guess"])
def test_a_strategy_that_is_none_is_said(alice_client: Client, story: Story, query: str) -> None:
    assert "A strategy is one of adaptive" in shown(alice_client, context_of(story, query), 422)


@pytest.mark.parametrize("query", ["?conversation=0198aaaa-0000-7000-8000-000000000000", "?conversation=x"])
def test_a_conversation_that_is_none_is_not_found(alice_client: Client, story: Story, query: str) -> None:
    shown(alice_client, context_of(story, query), 404)


def test_others_get_what_never_was(bob_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="private")
    message = json.dumps({"message_id": str(Message.objects.get().id), "metadata": {"excluded": True}})
    bodies = {
        bob_client.get(f"/sessions/{ident}/context/{query}", headers=headers).content
        for ident in (story.id, UUID(int=7))
        for query in ("", "?strategy=guess", f"?conversation={story.id}")
        for headers in ({}, PART)
    }
    assert len(bodies) == 1
    answer = bob_client.post(context_of(story), {"command": "update-message", "payload": message})
    assert answer.status_code == 404
    assert len(story.events()) == 2


def test_a_viewer_sees_the_plan_and_presses_nothing(bob: User, bob_client: Client, story: Story) -> None:
    story.tell(commands.AddMessage, content="shared words")
    story.tell(commands.ShareSession, username="bob", role="viewer")
    page = shown(bob_client, context_of(story))
    assert "shared words" in page
    assert not re.search(r"<button(?![^>]*>(?:Log out|Show))", page[page.index("<main") : page.index("</main>")])
    answer = bob_client.post(context_of(story), {"command": "compact-context", "payload": "{}"})
    assert answer.status_code == 403


def test_the_page_costs_the_same_for_few_and_many_messages(alice_client: Client, full: Story) -> None:
    costs = []
    for _ in range(2):
        shown(alice_client, context_of(full))
        with CaptureQueriesContext(connection) as queries:
            shown(alice_client, context_of(full))
        costs.append(
            len([one for one in queries if "modelentry" not in one["sql"] and "providerkey" not in one["sql"]])
        )
        for number in range(20):
            full.tell(commands.AddMessage, content=f"more {number}")
    assert costs[0] == costs[1]


def test_the_page_brings_no_inline_script_or_style(alice_client: Client, full: Story) -> None:
    page = shown(alice_client, context_of(full))
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", page)
