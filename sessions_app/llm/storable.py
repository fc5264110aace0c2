"""What models and tools say, without what PostgreSQL refuses to store: NUL and lone surrogates become U+FFFD."""

import re
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """A text that can be stored."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def cleaned(value: Any) -> Any:
    """JSON values that can be stored."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(key)): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value
