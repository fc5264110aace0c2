"""Tools a model may call: Python functions with typed parameters, registered by a decorator. The engine offers them
(`specs`) and runs them (`run`); whatever happens to a call becomes a text for the model."""

import contextvars
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from bus import untrusted
from bus.database import closing
from bus.exceptions import Malformed, Refused, RegistrationError
from bus.registry import default as bus_registry
from bus.switch import Switch
from sessions_app.llm.base import Tool
from sessions_app.llm.storable import clean
from sessions_app.llm.tool_function import RegisteredTool, ToolContext, ToolError, registered

__all__ = [
    "ToolContext",
    "ToolError",
    "ToolRegistry",
    "UnknownTool",
    "default",
    "needs_approval",
    "run",
    "specs",
    "tool",
]

F = TypeVar("F", bound=Callable[..., Any])
logger = logging.getLogger(__name__)

THREADS = 8
"""Tools at work in one process at a time. One that outstays its timeout keeps its thread: Python cannot stop it."""
TIMEOUT = 10.0
LONGEST_RESULT = 16_000
"""Characters of a result; the rest is cut off, and the model is told."""
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""What all providers accept as a tool's name."""


class UnknownTool(Refused):
    """There is no such tool."""

    code = "unknown-tool"


class ToolRegistry:
    """The table. The default one serves the application; tests make their own."""

    def __init__(self) -> None:
        self.tools: dict[str, RegisteredTool] = {}
        self.switch = Switch()

    def tool(self, *, name: str = "", approval: bool = False, timeout: float = TIMEOUT) -> Callable[[F], F]:
        """Registers a function: its docstring becomes the description, its parameters the schema (`Annotated` with
        `msgspec.Meta` to describe and bound them). A parameter of type ToolContext is not the model's to give."""

        def register(function: F) -> F:
            called = name or function.__name__
            if not NAME.fullmatch(called) or called in self.tools:
                raise RegistrationError(f"A tool cannot be called {called!r}: it is not a name, or it is taken.")
            made = registered(called, function, approval, timeout)
            self.tools[called] = msgspec.structs.replace(made, plugin=bus_registry.plugin)
            return function

        return register

    def remove_of(self, plugin: str) -> None:
        """Take back what a plugin registered."""
        self.tools = {name: found for name, found in self.tools.items() if found.plugin != plugin}

    def is_off(self, name: str) -> bool:
        """Whether the tool's plugin is switched off."""
        found = self.tools.get(name)
        return found is not None and bool(found.plugin) and self.switch.off(found.plugin)

    def specs(self, names: Iterable[str]) -> tuple[Tool, ...]:
        """What the model is told of these tools; those of plugins that are switched off are left out. Raises
        UnknownTool."""
        names = tuple(dict.fromkeys(names))
        if unknown := [name for name in names if name not in self.tools]:
            raise UnknownTool(f"There is no tool called {unknown[0]!r}; there are: {_listed(self.tools)}.")
        return tuple(self.tools[name].spec for name in names if not self.is_off(name))

    def needs_approval(self, name: str) -> bool:
        """Whether a person must agree before this tool runs."""
        return name in self.tools and self.tools[name].approval

    def run(self, name: str, args: Mapping[str, Any] | None, context: ToolContext, *, approved: bool = False) -> str:
        """The result of a call, or what was wrong with it, as a text for the model; never raises for what a tool did.
        `args` None: what the model wrote was not a JSON object. Blocks for at most the tool's timeout."""
        found = self.tools.get(name) if name in context.allowed else None
        if found is None:
            return f"There is no tool called {name[:64]!r} here. There are: {_listed(context.allowed)}."
        if self.is_off(name):
            return f"{name} was not run: it is switched off on this server."
        if found.approval and not approved:
            return f"{name} was not run: it needs the approval of a person, and has none."
        if args is None:
            return f"{name} was not run: its arguments were not a JSON object."
        try:
            untrusted.check(args)
            checked = msgspec.convert(dict(args), found.arguments, strict=False)
        except (msgspec.ValidationError, Malformed) as error:
            return f"{name} was not run, its arguments are wrong: {error}"
        return _capped(_outcome(found, checked, context))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="tool")


def _outcome(tool: RegisteredTool, arguments: msgspec.Struct, context: ToolContext) -> str:
    """Runs the tool in the pool; errors and timeouts in words."""
    values = {field: getattr(arguments, field) for field in arguments.__struct_fields__}
    if tool.context_parameter is not None:
        values[tool.context_parameter] = context
    current = contextvars.copy_context()  # the current span goes along
    call = partial(closing(tool.function), **values)
    future = _threads().submit(lambda: current.run(call))
    name = tool.spec.name
    try:
        result = future.result(tool.timeout)
        return result if isinstance(result, str) else msgspec.json.encode(result).decode()
    except TimeoutError:
        if future.cancel():
            return f"{name} was not run: too many tools are at work. Try again later."
        if not future.done():
            return f"{name} did not answer within {tool.timeout:g} seconds."
        return f"{name} failed: it ran into a timeout."
    except (ToolError, Refused) as error:
        return f"{name} failed: {error}"
    except Exception as error:
        # its text may name hosts or files of the server: the model, and so the user, gets the kind only
        logger.exception("the tool %s failed in run %s", name, context.run_id)
        return f"{name} failed with an unexpected {type(error).__name__}."


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _capped(text: str) -> str:
    """What can be stored and sent: without NUL and lone surrogates, and not without end."""
    text = clean(text)
    if len(text) <= LONGEST_RESULT:
        return text
    return f"{text[:LONGEST_RESULT]}\n[cut off: {len(text) - LONGEST_RESULT} more characters]"


default = ToolRegistry()
tool = default.tool
specs = default.specs
needs_approval = default.needs_approval
run = default.run
