"""A plugin that opens one door, named by SABOTAGE: something that keeps people out is off, for the mutants only."""

import logging
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import msgspec
from django.utils.safestring import mark_safe

from bus import untrusted
from bus.registry import default
from config import edge, redaction, safety
from config.origins import OriginCheck
from sessions_app import auditing, queries
from sessions_app.exchange import archives, checking
from sessions_app.models import Session
from sessions_app.pages import markup


def _put(owner: Any, name: str, value: Any) -> None:
    patch.object(owner, name, value).start()  # for the life of the process


def no_guard() -> None:
    """Commands are not asked whose session they are for."""
    default.guards.clear()


def no_owner() -> None:
    """Everybody sees all sessions."""
    _put(queries, "sessions_of", lambda actor: Session.objects.all())


def no_origin() -> None:
    """Whatever page a handshake comes from, it is let in."""

    async def open_door(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self.application(scope, receive, send)

    _put(OriginCheck, "__call__", open_door)


def no_redaction() -> None:
    """What others log is written as it is."""
    _put(redaction.RedactingFormatter, "format", logging.Formatter.format)


def no_parser() -> None:
    """JSON is read as Python reads it, and not looked at."""
    _put(untrusted, "decode", msgspec.json.decode)
    _put(untrusted, "check", lambda value: None)


def no_limit() -> None:
    """Bodies are read, whatever their size."""
    init = edge.Edge.__init__

    def patient(self: Any, application: Any, **limits: Any) -> None:
        init(self, application, **limits | {"body_limit": 2**40})

    _put(edge.Edge, "__init__", patient)


def no_strictness() -> None:
    """Fields nobody asked for are passed over in silence."""
    convert = untrusted.convert

    def lax(value: Any, kind: Any) -> Any:
        known = {field.encode_name for field in msgspec.structs.fields(kind)}
        return convert({name: given for name, given in value.items() if name in known}, kind)

    _put(untrusted, "convert", lax)


def no_refusal() -> None:
    """Any settings will do."""
    _put(safety, "refuse_unsafe", lambda *_, **__: None)


def no_customs() -> None:
    """Archives are unpacked without being looked at."""
    for name in ("_check_end", "_check_all", "_check_one", "_check_places"):
        _put(archives, name, lambda *_: None)


def no_walk() -> None:
    """A log may mean whatever it likes."""
    _put(checking.Walk, "_references", lambda *_: None)


def no_notes() -> None:
    """What operators change by hand is told to nobody."""
    _put(auditing, "note", lambda *_: None)


def no_sanitizer() -> None:
    """What models write is HTML as they write it."""
    _put(markup, "shown", mark_safe)


KINDS: dict[str, Callable[[], None]] = {
    made.__name__: made
    for made in (
        *(no_guard, no_owner, no_origin, no_redaction, no_parser, no_limit, no_refusal, no_strictness),
        *(no_customs, no_walk, no_notes, no_sanitizer),
    )
}

KINDS[os.environ["SABOTAGE"]]()
