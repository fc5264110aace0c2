"""Bodies of requests, as JSON schemas: the fields of a command without those that the address fixes."""

from typing import Any

from bus.registry import default as registered
from sessions_app.api.description.components import Collected, Schema, schemas
from sessions_app.api.description.operations import Operation

EXPECTED = {"type": "integer", "minimum": 0, "description": "Refused (409) where the session is at another version."}
JSON = "application/json"


def body_of(operation: Operation, view: Any, path: str, collected: Collected) -> Schema | None:
    """The body of an operation; None where it takes none."""
    commands = operation.command or ((view.command,) if getattr(view, "command", "") else ())
    kinds = [_of_command(name, operation, path, collected) for name in commands]
    if operation.body is not None:
        kinds.append(collected.schema(operation.body))
    content: Schema = {name: {"schema": schema} for name, schema in operation.uploads.items()}
    if kinds:
        content[JSON] = {"schema": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}
        if operation.example is not None:
            content[JSON]["example"] = operation.example
    return {"content": content} if content else None


def _of_command(name: str, operation: Operation, path: str, collected: Collected) -> Schema:
    kind = registered.commands[name]
    (reference,), named = schemas([kind])
    whole = named.pop(reference["$ref"].rpartition("/")[2])
    collected.named |= named
    outside = {field: name for name, field in operation.renamed.items()}
    fixed = {
        "session_id",
        *operation.hidden,
        *(field for field in whole["properties"] if f"{{{field}}}" in path),
    } - set(outside)
    properties = {
        outside.get(field, field): schema for field, schema in whole["properties"].items() if field not in fixed
    }
    properties |= {field: collected.schema(more) for field, more in operation.more.items()}
    properties |= {"expected_version": EXPECTED} if operation.versioned else {}
    required = [outside.get(field, field) for field in whole.get("required", ()) if field not in fixed]
    body = {**whole, "title": f"{kind.__name__}Body", "properties": properties, "required": required}
    return collected.keep(f"{kind.__name__}Body", body)
