"""The text of an API token: made here, shown once, kept as its hash."""

import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import NamedTuple

MARK = "parley_"
"""How every token begins, so that people, scanners and our own logs know one; `config.redaction` looks for it."""
_SHOWN = len(MARK) + 6
_TOKEN = re.compile(MARK + r"[A-Za-z0-9_-]{43}")


class Secret(NamedTuple):
    """A new token: its text, what of it may be shown, what of it is kept."""

    text: str
    prefix: str
    digest: str


def make() -> Secret:
    """32 random bytes: nobody finds them by trying, so that a plain hash keeps them."""
    text = MARK + token_urlsafe(32)
    return Secret(text, text[:_SHOWN], digest(text))


def digest(text: str) -> str:
    """The hash under which a token is looked up."""
    return sha256(text.encode()).hexdigest()


def bearer_in(header: str) -> str | None:
    """The token of an Authorization header's value `Bearer …`; None where it is of another kind."""
    kind, _, text = header.partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def is_token(text: str) -> bool:
    """Whether it has the form of one."""
    return _TOKEN.fullmatch(text) is not None
