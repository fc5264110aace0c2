"""A plugin that registers something and then cannot be imported."""

from bus.messages import Context, SessionCommand
from bus.registry import handles
from sessions_app.llm.tools import tool


class HalfDone(SessionCommand):
    """Do half of it."""


@handles(HalfDone)
def half_done(command: HalfDone, context: Context) -> None:
    """Nothing."""


@tool(name="half_tool")
def half_tool() -> str:
    """Half of a tool."""
    return ""


raise SystemExit("the plugin is not for this machine")
