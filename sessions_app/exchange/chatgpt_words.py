"""What a message of a ChatGPT export says, as text: its forms are many, and what is no text is named. Pure."""

from collections.abc import Iterator
from typing import Any

from sessions_app.values import Content, TextPart

_CODE = ("code", "execution_output")
_PLACES = ("text", "result", "content")


def parts_of(content: dict[str, Any], metadata: dict[str, Any]) -> Content:
    """The parts that are not empty; after them the attachments, by their names: their bytes are not in the file."""
    texts = [*_texts(content), *_attached(metadata)]
    return [TextPart(text=text) for text in texts if text.strip()]


def _texts(content: dict[str, Any]) -> Iterator[str]:
    kind, parts = content.get("content_type"), content.get("parts")
    if isinstance(parts, list):
        yield from (_part(part) for part in parts)
    elif isinstance(content.get("thoughts"), list):
        yield from (str(thought.get("content") or "") for thought in content["thoughts"] if isinstance(thought, dict))
    else:
        text = next((content[place] for place in _PLACES if isinstance(content.get(place), str)), "")
        yield f"```\n{text}\n```" if kind in _CODE and text.strip() else text


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    kind = str(part.get("content_type") or "something").removesuffix("_asset_pointer").replace("_", " ")
    return f"[{kind}: {str(part.get('asset_pointer') or '')[:200]} (not in the export)]"


def _attached(metadata: dict[str, Any]) -> Iterator[str]:
    attachments = metadata.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else []:
        if isinstance(attachment, dict):
            yield f"[attachment: {str(attachment.get('name') or attachment.get('id') or '')[:200]} (not in the export)]"
