"""A plugin of the tests' server: a tool that a person has to allow."""

from sessions_app.llm import tools

PLUGIN = "guarded"


@tools.default.tool(name="guarded", approval=True)
def guarded() -> str:
    """Open the gate."""
    return "The gate is open."
