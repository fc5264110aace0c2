"""Runs done in the test's own process, as a worker does them."""

import time
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from bus.bus import bus
from bus.messages import Actor, Context
from bus.work import runner
from sessions_app import commands
from sessions_app.models import Message, Run
from sessions_app.values import SessionConfig, text_of, to_content
from tests.story import Story

DEADLINE = 20.0


def do(run: UUID | str) -> Run:
    """Take the run up and wait until this process has let go of it; the row as it is then."""
    ident = UUID(str(run))
    assert runner.run(ident), "there was nothing to take up"
    return settled(ident)


def settled(run: UUID) -> Run:
    """The run, once nobody works on it here."""
    end = time.monotonic() + DEADLINE
    while run in runner.active:
        assert time.monotonic() < end, f"the run {run} did not end within {DEADLINE} s"
        time.sleep(0.005)
    return Run.objects.get(id=run)


def until(run: UUID, **wanted: Any) -> Run:
    """The run, once its row says so."""
    end = time.monotonic() + DEADLINE
    while (found := Run.objects.filter(id=run, **wanted).first()) is None:
        assert time.monotonic() < end, f"{wanted} did not come true: {Run.objects.get(id=run).__dict__}"
        time.sleep(0.005)
    return found


def told(alice: User, *, tools: list[str] | None = None, strategy: Any = None, **script: Any) -> Story:
    """A session of Alice's whose model does as the script says."""
    actor = Actor("user", str(alice.pk))
    options = {"delay": 0, **script}
    config = SessionConfig(
        provider="echo", model="echo", tools=tools, provider_options=options, context_strategy=strategy
    )
    return Story(bus.execute(commands.CreateSession(config=config), Context(actor=actor)).data["id"], actor)


def ask(story: Story, text: str = "hello", **more: Any) -> UUID:
    """A requested run."""
    return UUID(str(story.tell(commands.RequestRun, input=text, **more).data["id"]))


def texts(story: Story) -> list[tuple[str, str]]:
    """Role and text of its messages."""
    rows = Message.objects.filter(session=story.id).order_by("position")
    return [(row.role, text_of(to_content(row.content))) for row in rows]
