"""Names and content types of artifacts: what is acceptable. Pure; called by the handlers and `store`."""

import re
import unicodedata

from bus.exceptions import Invalid

RASTER = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Images without scripts in them: what models look at, and all that may be shown in place."""
LONGEST_NAME = 200
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,48}/[a-z0-9][a-z0-9!#$&^_.+-]{0,48}")
_TEXTUAL = frozenset(
    {"application/json", "application/xml", "application/javascript", "application/x-ndjson", "application/yaml"}
)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Characters that are not seen: controls, direction marks, surrogates, separators of lines."""


def name_of(given: str) -> str:
    """An artifact's name in its one spelling (NFC). Raises Invalid for what could be taken for a path, or deceive."""
    name = unicodedata.normalize("NFC", given)
    if not name or len(name) > LONGEST_NAME:
        raise Invalid(f"An artifact's name has 1 to {LONGEST_NAME} characters.")
    if "/" in name or "\\" in name or ".." in name:
        raise Invalid("An artifact's name is no path: '/', '\\' and '..' must not be in it.")
    if name.startswith(".") or name != name.strip():
        raise Invalid("An artifact's name begins with no dot, and neither begins nor ends with a space.")
    if any(unicodedata.category(character) in _HIDDEN for character in name):
        raise Invalid("An artifact's name must not contain control characters, or others that cannot be seen.")
    return name


def type_of(given: str) -> str:
    """A content type without its parameters, in lower case. Raises Invalid."""
    found = given.partition(";")[0].strip().lower()
    if not _TYPE.fullmatch(found):
        raise Invalid("A content type is written like text/plain or image/png.")
    return found


def is_json(content_type: str) -> bool:
    """Whether it says that the content is JSON."""
    return content_type == "application/json" or content_type.endswith("+json")


def is_text(content_type: str) -> bool:
    """Whether it says that the content is text, in whatever language."""
    return (
        content_type.startswith("text/")
        or content_type in _TEXTUAL
        or content_type.endswith(("+json", "+xml", "+yaml"))
    )
