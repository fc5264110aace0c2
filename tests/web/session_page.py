"""A session's page, and runs in the states it shows."""

from typing import Any
from uuid import UUID

from django.test import Client

from sessions_app import commands
from sessions_app.values import ToolCallPart
from tests.runs import ask
from tests.story import Story
from tests.web.browser import shown

CALL = ToolCallPart(tool_call_id="c1", name="clock", args={"zone": "<UTC>"})
STOP = 'data-command="cancel-run">Stop<'


def started(story: Story, worker: Story, text: str = "hello") -> UUID:
    """A run at work."""
    run = ask(story, text)
    worker.tell(commands.StartRun, run_id=run)
    return run


def ended(story: Story, worker: Story, outcome: str, **how: Any) -> UUID:
    """A run that has come to an end."""
    run = started(story, worker)
    worker.tell(commands.EndRun, run_id=run, outcome=outcome, **how)
    return run


def page_of(client: Client, story: Story, query: str = "") -> str:
    """The session's page."""
    return shown(client, f"/sessions/{story.id}/{query}")
