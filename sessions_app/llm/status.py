"""The states of a run and what may follow what: pure, so that it can be tested whole. Read by the handlers."""

from collections.abc import Mapping
from typing import Literal

from sessions_app.values import RunOutcome

Status = Literal["queued", "running", "requires_action"] | RunOutcome

ENDED: frozenset[str] = frozenset({"completed", "incomplete", "failed", "cancelled", "interrupted"})
OPEN: frozenset[str] = frozenset({"queued", "running", "requires_action"})

TIMED_OUT = "timeout"
"""The code of a run that took longer than it may; the providers' own code for what did not answer in time."""

CALLS = "tool_calls"
"""Why an answer ends that calls tools of whoever asked for it."""

NEXT: Mapping[str, Mapping[str, str]] = {
    "queued": {
        "start": "running",
        "cancel": "cancelled",
        "fail": "failed",
        "interrupt": "interrupted",  # its worker died after it had said something, and no try is left
    },
    "running": {
        "start": "running",  # again: the worker before died
        "continue": "running",
        "ask": "requires_action",
        "postpone": "queued",
        "stop": "running",  # asked to: the worker ends it
        "complete": "completed",
        "stop short": "incomplete",
        "fail": "failed",
        "cancel": "cancelled",
        "interrupt": "interrupted",
    },
    "requires_action": {"decide": "requires_action", "resume": "queued", "cancel": "cancelled"},
}
"""From a state, by what happens, to the next state. An ended run has no next state."""

HAPPENS: Mapping[RunOutcome, str] = {
    "completed": "complete",
    "incomplete": "stop short",
    "failed": "fail",
    "cancelled": "cancel",
    "interrupted": "interrupt",
}


def after(state: str, happening: str) -> str | None:
    """The state that follows; None where that cannot happen in this state."""
    return NEXT.get(state, {}).get(happening)
