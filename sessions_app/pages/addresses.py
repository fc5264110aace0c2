"""Web addresses that stand in a text as they are become links. A rule of the parser in `markup`."""

import re
from collections.abc import Iterable, Iterator

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

ADDRESS = re.compile(r"https?://[^\s<>\"'`]{1,2000}")
BEHIND = ".,;:!?*_~"
"""What stands behind an address and is none of it; a bracket that the address has not opened is neither."""


def linked(state: StateCore) -> None:
    """Put links around the addresses in all texts that are no links yet."""
    for token in state.tokens:
        if token.type == "inline" and "://" in token.content:
            token.children = list(_children(token.children or []))


def _children(tokens: Iterable[Token]) -> Iterator[Token]:
    inside = 0
    for token in tokens:
        inside += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "text" and not inside:
            yield from _pieces(token.content)
        else:
            yield token


def _pieces(text: str) -> Iterator[Token]:
    end = 0
    for found in ADDRESS.finditer(text):
        address = _trimmed(found[0])
        yield Token("text", "", 0, content=text[end : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": address})
        yield Token("text", "", 0, content=address)
        yield Token("link_close", "a", -1)
        end = found.start() + len(address)
    yield Token("text", "", 0, content=text[end:])


def _trimmed(address: str) -> str:
    trimmed = address.rstrip(BEHIND)
    while trimmed.endswith(")") and trimmed.count(")") > trimmed.count("("):
        trimmed = trimmed[:-1].rstrip(BEHIND)
    return trimmed
