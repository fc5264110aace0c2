"""What a browser would post: the fields of a form as a page shows them."""

from html.parser import HTMLParser
from typing import Any

from django.test import Client

from tests.web.browser import shown

UNSAID = ("submit", "file", "checkbox", "radio")
"""Inputs that say nothing as they are, unless they are checked."""


class _Fields(HTMLParser):
    """Collects the fields of one form, by its id's end."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._inside = False
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = has.get("id", "").endswith("_form")
        elif (self._inside and has.get("name")) or tag == "option":
            self._field(tag, has)

    def _field(self, tag: str, has: dict[str, str]) -> None:
        if tag == "select":
            self._select = has["name"]
        elif tag == "option" and self._select and "selected" in has:
            self._add(self._select, has.get("value", ""))
        elif tag == "textarea":
            self._area = has["name"]
            self._add(self._area, "")
        elif tag == "input" and ("checked" in has or has.get("type") not in UNSAID):
            self._add(has["name"], has.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            self.found[self._area][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area
        self._select = "" if tag == "select" else self._select
        self._inside = self._inside and tag != "form"

    def _add(self, name: str, value: str) -> None:
        self.found.setdefault(name, []).append(value)


def filled(client: Client, path: str, **changes: Any) -> dict[str, Any]:
    """The fields of the page's form, with these changes."""
    parser = _Fields()
    parser.feed(shown(client, path))
    assert parser.found, f"no form on {path}"
    return parser.found | changes
