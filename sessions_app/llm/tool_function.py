"""One tool: a Python function, and what a model is told of it. Called by `tools`."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints
from uuid import UUID

import msgspec

from bus.exceptions import RegistrationError
from bus.messages import Actor
from sessions_app.llm.base import Tool

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a tool works. It acts with the rights of `owner`, never with the server's. `allowed`: the tools offered
    in this run; a model has been known to call others."""

    session_id: UUID
    run_id: UUID
    owner: Actor
    allowed: frozenset[str]


class ToolError(Exception):
    """A tool cannot do what was asked; the text tells the model why."""


class RegisteredTool(msgspec.Struct, frozen=True, kw_only=True):
    """A function with what is known of it. `arguments`: the struct its arguments are checked against; `approval`: a
    person must agree to each call."""

    spec: Tool
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    context_parameter: str | None
    approval: bool
    timeout: float
    plugin: str = ""


def registered(name: str, function: Callable[..., Any], approval: bool, timeout: float) -> RegisteredTool:
    """The function with its schema. Raises RegistrationError for a parameter no model could give."""
    hints = get_type_hints(function, include_extras=True)
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    context_parameter = None
    for parameter in inspect.signature(function).parameters.values():
        if hints.get(parameter.name) is ToolContext:
            context_parameter = parameter.name
        elif parameter.name not in hints or parameter.kind not in BY_NAME:
            raise RegistrationError(f"The tool {name} has the parameter {parameter.name!r} without a type or a name.")
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    arguments = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    return RegisteredTool(
        spec=Tool(name=name, description=inspect.getdoc(function) or "", parameters=_schema(arguments)),
        function=function,
        arguments=arguments,
        context_parameter=context_parameter,
        approval=approval,
        timeout=timeout,
    )


def _schema(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema with the object itself at the top, as providers want it."""
    _, known = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema: dict[str, Any] = known.pop("Arguments")
    schema.pop("title", None)
    return {**schema, "$defs": known} if known else schema
