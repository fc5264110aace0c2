"""S16: what a model says has no authority: it runs the tools it was offered, with its owner's rights, and no others."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.llm import clients, keys, tools
from sessions_app.models import Message
from sessions_app.values import SessionConfig, ToolResultPart, to_content
from tests.harness.openai_wire import Script
from tests.harness.provider import ScriptedProvider
from tests.runs import ask, do
from tests.story import Story

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def provider(settings: Settings) -> Iterator[ScriptedProvider]:
    """A model that calls what it likes."""
    with ScriptedProvider() as made:
        settings.LLM_BASE_URLS = {"openai": made.url}
        settings.LLM_KEYS = {"openai": "key"}
        settings.LLM_ALLOWED_HOSTS = [urlsplit(made.url).netloc]
        keys.forget()
        yield made
        clients.close()
    keys.forget()


@pytest.fixture
def touched() -> Iterator[list[Any]]:
    """What a dangerous tool was called with."""
    found: list[Any] = []

    def erase(context: tools.ToolContext, query: str) -> str:
        """Erases everything."""
        found.append(context)
        return "erased"

    tools.default.tool()(erase)
    yield found
    del tools.default.tools["erase"]


def told(user: User, offered: list[str]) -> Story:
    actor = Actor("user", str(user.pk))
    config = SessionConfig(provider="openai", model="m", tools=offered)
    return Story(bus.execute(commands.CreateSession(config=config), Context(actor=actor)).data["id"], actor)


def results(story: Story) -> list[str]:
    rows = Message.objects.filter(session=story.id, role="tool")
    return [part.content for row in rows for part in to_content(row.content) if isinstance(part, ToolResultPart)]


def test_a_tool_that_was_not_offered_does_not_run(alice: User, provider: ScriptedProvider, touched: list[Any]) -> None:
    provider.script("m", Script(tool="erase"), Script())
    story = told(alice, ["clock"])
    assert do(ask(story)).state == "completed"
    assert touched == []
    assert results(story) == ["There is no tool called 'erase' here. There are: clock."]


def test_a_tool_runs_for_the_owner_of_the_session(alice: User, provider: ScriptedProvider, touched: list[Any]) -> None:
    provider.script("m", Script(tool="erase"), Script())
    story = told(alice, ["erase"])
    assert do(ask(story)).state == "completed"
    (context,) = touched
    assert (context.owner, context.session_id) == (Actor("user", str(alice.pk)), story.id)


def test_a_search_sees_the_owners_session_only(
    alice: User, bob: User, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = told(bob, [])
    secret.tell(commands.AddMessage, content="the secret word is xyzzy")
    story = told(alice, ["session_search"])
    story.tell(commands.AddMessage, content="hello there")
    context = tools.ToolContext(
        session_id=secret.id, run_id=story.id, owner=story.actor, allowed=frozenset({"session_search"})
    )
    assert "xyzzy" not in tools.run("session_search", {"query": "xyzzy"}, context)
