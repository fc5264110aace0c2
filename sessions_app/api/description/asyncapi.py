"""The AsyncAPI document of the sockets: made of the registered events and commands, the notices, and the methods."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from bus.live import presence
from bus.live.protocol import CLOSES, METHODS, Ended
from bus.messages import Message, Notice
from bus.registry import Registry
from bus.registry import default as registered
from sessions_app import listing
from sessions_app.api import shapes
from sessions_app.api.description.components import AT, Schema, schemas

NOTICES = (presence.PresenceChanged, listing.SessionListed, listing.SessionUnlisted)
"""Those that no handler's module brings along: all are found among the classes there are."""
SOCKETS = {
    "socket": ("/ws/v1/", "Everything: subscribe to sessions, run commands."),
    "session": ("/ws/sessions/{session_id}/", "The same, but it subscribes to the session by itself."),
}


def document(within: tuple[str, ...] = ()) -> Schema:
    """The document as plain JSON values; of the messages of these packages only, where some are named."""
    messages = {**_requests(), **_answers(), **_events(registered, within), **_notices(within)}
    named = _schemas(registered, within)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parley: sockets",
            "version": "1",
            "description": "JSON frames. A browser's login or a token is needed; cookies need an `Origin` that is "
            "allowed. Frames have at most 64 KiB.",
        },
        "defaultContentType": "application/json",
        "channels": {
            name: {
                "address": address,
                "description": meaning,
                "messages": {key: {"$ref": f"#/components/messages/{key}"} for key in messages},
                **({"parameters": {"session_id": {"description": "a session's id"}}} if "{" in address else {}),
            }
            for name, (address, meaning) in SOCKETS.items()
        },
        "operations": _operations(messages),
        "components": {"messages": messages, "schemas": named},
        "x-close-codes": {str(code): meaning for code, meaning in CLOSES.items()},
    }


def encoded(within: tuple[str, ...] = ()) -> bytes:
    """The document as a file."""
    return msgspec.json.format(msgspec.json.encode(document(within)), indent=1) + b"\n"


def _operations(messages: dict[str, Schema]) -> Schema:
    """As the server does them: it receives requests and answers them, and sends events and notices."""

    def on_socket(names: Iterable[str]) -> list[Schema]:
        return [{"$ref": f"#/channels/socket/messages/{name}"} for name in names]

    channel = {"$ref": "#/channels/socket"}
    asked = {
        method: {
            "action": "receive",
            "channel": channel,
            "messages": on_socket([f"request.{method}"]),
            "reply": {"channel": channel, "messages": on_socket([f"result.{method}", "error"])},
        }
        for method in METHODS
    }
    sent = {
        kind: {
            "action": "send",
            "channel": channel,
            "messages": on_socket(name for name in messages if name.partition(".")[0] == kind),
        }
        for kind in ("event", "notice", "ended")
    }
    return {**asked, **sent}


_ID: Schema = {"type": ["integer", "string", "null"]}


def _requests() -> dict[str, Schema]:
    made = {}
    for name, method in METHODS.items():
        properties: Schema = {"id": _ID, "method": {"const": name}}
        if method.params is not None:
            properties["params"] = {"$ref": AT.format(name=method.params.__name__)}
        required = ["method", *(["params"] if method.params else [])]
        payload = {**_object(properties, required), "additionalProperties": False}
        made[f"request.{name}"] = _message(method.meaning, payload)
    return made


def _answers() -> dict[str, Schema]:
    made = {
        f"result.{name}": _message(
            f"The answer to {name}.", _object({"id": _ID, "result": {"$ref": AT.format(name=method.result.__name__)}})
        )
        for name, method in METHODS.items()
    }
    refused = _object(
        {"code": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
        ["code", "status", "detail"],
    )
    ended = {"subscription": {"type": "string"}, "ended": {"$ref": AT.format(name="Ended")}}
    return {
        **made,
        "error": _message("A refusal.", _object({"id": _ID, "error": refused})),
        "ended": _message("A subscription is no more.", _object(ended)),
    }


def _events(registry: Registry, within: tuple[str, ...]) -> dict[str, Schema]:
    made = {}
    envelope = _envelope()
    for name, kind in sorted(_of(registry.events, within)):
        own = {"type": {"const": name}, "schema": {"const": kind.schema}, "data": _reference("event", name)}
        event = {**envelope, "properties": {**envelope["properties"], **own}}
        made[f"event.{name}"] = _message(_sentence(kind), _object({"subscription": {"type": "string"}, "event": event}))
    return made


def _notices(within: tuple[str, ...]) -> dict[str, Schema]:
    return {
        f"notice.{kind.type}": _message(
            _sentence(kind),
            _object({"subscription": {"type": "string"}, "notice": _reference("notice", kind.type)}),
        )
        for kind in _kinds(within)
    }


def _schemas(registry: Registry, within: tuple[str, ...]) -> dict[str, Schema]:
    """Of each event its data, of each notice all of it, of each public command its payload; and what they refer to."""
    public = {name: kind for name, kind in registry.commands.items() if kind.public and not kind.staff_only}
    own: list[tuple[str, type[Message], Schema]] = [
        *((f"event.{name}", kind, {}) for name, kind in _of(registry.events, within)),
        *((f"notice.{kind.type}", kind, {"type": {"const": kind.type}}) for kind in _kinds(within)),
        *((f"command.{name}", kind, {"session_id": None}) for name, kind in _of(public, within)),
    ]
    spoken = [kind for method in METHODS.values() for kind in (method.params, method.result) if kind is not None]
    _, made = schemas([*spoken, Ended])
    for name, kind, more in own:
        (reference,), named = schemas([kind])
        whole = named.pop(reference["$ref"].rpartition("/")[2])
        made |= named
        made[name] = whole if more.get("session_id", 0) is None else _without_session(whole, more)
    return dict(sorted(made.items()))


def _without_session(whole: Schema, more: Schema) -> Schema:
    """The session stands in the envelope."""
    properties = {**more, **{name: schema for name, schema in whole["properties"].items() if name != "session_id"}}
    return {**whole, "properties": properties, "required": [*more, *whole.get("required", ())]}


def _envelope() -> Schema:
    (reference,), named = schemas([shapes.Event])
    return named[reference["$ref"].rpartition("/")[2]]


def _kinds(within: tuple[str, ...]) -> list[type[Notice]]:
    """The notices: all that are no mere base of others."""

    def leaves(kind: type[Notice]) -> Iterator[type[Notice]]:
        below = kind.__subclasses__()
        yield from (leaf for one in below for leaf in leaves(one)) if below else [kind]

    found = {kind.type: kind for kind in leaves(Notice)}
    return [kind for _, kind in sorted(_of(found, within))]


def _of(kinds: dict[str, Any], within: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    return ((name, kind) for name, kind in kinds.items() if not within or kind.__module__.startswith(within))


def _reference(kind: str, name: str) -> Schema:
    return {"$ref": AT.format(name=f"{kind}.{name}")}


def _message(summary: str, payload: Schema) -> Schema:
    return {"summary": summary, "payload": payload}


def _object(properties: Schema, required: Iterable[str] | None = None) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties if required is None else required)}


def _sentence(kind: type[Message]) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
