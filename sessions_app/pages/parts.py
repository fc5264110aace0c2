"""The parts of a message as a page shows them: prose, texts to the character, pictures, tool calls and their results.
Called by `transcript`."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from sessions_app.pages import code, markup

Entry = dict[str, Any]
CLIPPED = 10_000
"""Characters of arguments and results that the page has; all of it is behind a link."""
LONGEST = 100_000
"""The same of what people and models say."""
TALL, WIDE = 12, 1_200
"""Lines and characters over which arguments and results are folded."""
WRITTEN_BY_MODELS = frozenset({"assistant", "summary"})
"""Their texts are Markdown. What people write is shown as they wrote it: it is theirs, and no model's dialect."""


def shown(part: Mapping[str, Any], role: str) -> Entry:
    """A part: its `kind`, its `label` ("" for text), its `html`, and whether there is `more` than the page shows."""
    match part["type"]:
        case "text":
            write = markup.shown if role in WRITTEN_BY_MODELS else markup.plain
            said = part["text"]
            return {"kind": "text", "label": "", "html": write(said[:LONGEST]), "more": len(said) > LONGEST}
        case "image":
            return {"kind": "picture", "label": gettext("image"), "html": _picture(part)}
        case "tool_call":
            return _call(part)
        case "tool_result":
            return {"kind": "result", "label": gettext("tool result"), **result(part["content"])}
    return {"kind": "text", "label": str(part["type"]), "html": ""}


def _call(part: Mapping[str, Any]) -> Entry:
    args = json.dumps(part["args"], ensure_ascii=False, indent=2, sort_keys=True)
    brief = json.dumps(part["args"], ensure_ascii=False)[:120] if part["args"] else ""
    name = gettext("tool call: %(name)s") % {"name": part.get("name")}
    return {
        "kind": "call",
        "label": name,
        "call": part["tool_call_id"],
        "name": part.get("name", ""),
        "brief": brief,
        **_folded(args, "json"),
    }


def result(text: str) -> Entry:
    """What a tool answered; JSON in its own lines."""
    if text[:1] in ("{", "[") and len(text) <= CLIPPED:
        try:
            return _folded(msgspec.json.format(text, indent=2), "json")
        except msgspec.DecodeError:
            pass
    return _folded(text, "")


def _folded(text: str, language: str) -> Entry:
    lines = text.count("\n") + 1
    return {
        "html": format_html('<pre class="text" tabindex="0">{}</pre>', _coloured(text[:CLIPPED], language)),
        "fold": lines > TALL or len(text) > WIDE,
        "lines": lines,
        "more": len(text) > CLIPPED,
    }


def _coloured(text: str, language: str) -> SafeString:
    return SafeString(code.coloured(text, language).replace("\r", "&#13;"))


def _picture(part: Mapping[str, Any]) -> SafeString:
    """A picture kept here is shown; one that lies elsewhere is only named: loading it would tell them who reads."""
    url, alt = str(part["url"]), part.get("alt_text") or ""
    if ours := markup.ARTIFACT.fullmatch(url):
        address = markup.OURS.format(ours[1])
        picture = '<a href="{}" target="_blank"><img src="{}?inline" alt="{}" loading="lazy"></a>'
        return format_html(picture, address, address, alt or gettext("A picture"))
    if url.lower().startswith(("http://", "https://")):
        link = '<a class="picture" href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>'
        return format_html(link, url, markup.picture_elsewhere(url, alt))
    return format_html('<div class="text">{}</div>', alt or gettext("A picture that is part of the message."))
