"""Environment variables, typed, and refused loudly when wrong. The table it keeps is what docs/operations.md shows."""

import os
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


class Variable(NamedTuple):
    """One variable as documented: its name, its kind, its default as shown, what it does."""

    name: str
    kind: str
    default: str
    meaning: str


VARIABLES: list[Variable] = []

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _read(name: str, kind: str, default: object, meaning: str) -> str | None:
    shown = "" if default is None else str(default)
    VARIABLES.append(Variable(name, kind, shown, meaning))
    return os.environ.get(name)


def text(name: str, default: str, meaning: str, *, shown: str | None = None) -> str:
    """A text; `shown` replaces a default that is secret or made at run time."""
    found = _read(name, "text", default if shown is None else shown, meaning)
    return default if found is None else found


def boolean(name: str, default: bool, meaning: str) -> bool:
    """`true` or `false` (also yes/no, on/off, 1/0)."""
    found = _read(name, "true or false", str(default).lower(), meaning)
    if found is None:
        return default
    if found.lower() not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} is {found!r}; write true or false.")
    return found.lower() in _TRUE


def number(name: str, default: int, meaning: str, *, least: int = 0, most: int = 2**31) -> int:
    """A whole number between `least` and `most`."""
    found = _read(name, "whole number", default, meaning)
    if found is None:
        return default
    try:
        value = int(found)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {found!r}; write a whole number.") from None
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name} is {value}; it must lie between {least} and {most}.")
    return value


def seconds(name: str, default: float, meaning: str, *, least: float = 0.0) -> float:
    """A duration in seconds."""
    found = _read(name, "seconds", default, meaning)
    if found is None:
        return default
    try:
        value = float(found)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {found!r}; write seconds, such as 2.5.") from None
    if not least <= value < 1e9:
        raise ImproperlyConfigured(f"{name} is {value}; it must be at least {least}.")
    return value


def words(name: str, default: list[str], meaning: str, *, shown: str | None = None) -> list[str]:
    """Words separated by commas; `shown` replaces a default that is derived from another variable."""
    found = _read(name, "words, separated by commas", ", ".join(default) if shown is None else shown, meaning)
    return default if found is None else [word.strip() for word in found.split(",") if word.strip()]


def hosts(name: str, default: list[str], meaning: str, *, of: Iterable[str] = ()) -> list[str]:
    """Hosts with their ports; and those of these addresses, where they are given."""
    found = words(name, default, meaning)
    for place in found:
        if _host(f"//{place}") != place.lower():
            raise ImproperlyConfigured(f"{name} holds {place!r}; write host:port, such as localhost:11434.")
    named = [_host(url) for url in of if url]
    if "" in named:
        raise ImproperlyConfigured("A provider's base URL is wrong; write it like http://localhost:11434/v1.")
    return [*found, *named]


def _host(url: str) -> str:
    """`host:port` of an address, in lower case; empty where it names none, or a user."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ""
    if not parts.hostname or port is None or "@" in parts.netloc:
        return ""
    return f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"
