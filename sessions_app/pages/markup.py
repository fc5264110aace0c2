"""Markdown as HTML that may stand in our pages. Called by the transcript and by the address that shows what streams.

Three walls: the parser takes no HTML, links and pictures go where we allow, and what comes out is sanitised by nh3."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import nh3
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from sessions_app.pages import code
from sessions_app.pages.addresses import linked

LONGEST = 40_000
"""Characters; a longer text is shown as it is. An ordinary text of this length takes a tenth of a second, the
costliest one second."""
KEPT_LENGTH = 10_000
MOST_BRACKETS = 3_000
"""With more of them, each waiting for its end, a text is no Markdown that anybody wrote."""
NESTING = 60
HIGHEST = 3
"""The headings of a message begin below those of the page."""
OURS = "/api/v1/artifacts/{}/content/"
ARTIFACT = re.compile(r"artifact:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
OURS_TOO = re.compile(r"/api/v1/artifacts/[0-9a-f-]{36}/content/(\?inline)?")
ELSEWHERE = re.compile(r"(https?://|mailto:)[^\s]+", re.IGNORECASE)

TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol"),
    *("p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
FIXED = {
    "button": {"type": {"button"}, "data-copy": {"code"}},
    "pre": {"tabindex": {"0"}},
    "div": {"tabindex": {"0"}},
    "img": {"loading": {"lazy"}},
}
CLASSES = {
    "div": {"code", "head", "table"},
    "span": {"language", "k", "s", "c", "m", *code.NAMES},
    "button": {"quiet"},
    "a": {"picture"},
    "td": {"center", "right"},
    "th": {"center", "right"},
}


def shown(text: str) -> SafeString:
    """What a model wrote, as HTML: Markdown, or where it is too long for that, as it is."""
    if len(text) > LONGEST or text.count("[") > MOST_BRACKETS:
        return plain(text)
    if len(text) > KEPT_LENGTH:
        return _prose(text)
    return _kept(text, get_language() or "")


def plain(text: str) -> SafeString:
    """A text to the character. An HTML parser makes one newline of CR LF; the reference keeps it as it was said."""
    said = escape(text).replace("\r", "&#13;")
    return mark_safe(f'<div class="text">{said}</div>')  # noqa: S308 (escaped right here)


def picture_elsewhere(url: str, alt: str) -> str:
    """What stands in place of a picture that is not kept here."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    said = gettext("Picture from %(host)s") % {"host": host or url[:80]}
    return f"{said}: {alt}" if alt else said


@lru_cache(maxsize=512)
def _kept(text: str, language: str) -> SafeString:
    """A page shows the same messages again and again. (The language is that of the words on its buttons.)"""
    return _prose(text)


def _prose(text: str) -> SafeString:
    made = nh3.clean(
        _parser.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_allowed,
        tag_attribute_values=FIXED,
        set_tag_attribute_values={"a": {"target": "_blank"}},
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(f'<div class="prose">{made}</div>')  # noqa: S308 (sanitised right here)


def _allowed(tag: str, name: str, value: str) -> str | None:
    """Pictures come from our own artifacts only; links lead there, or out."""
    if name == "src":
        return value if OURS_TOO.fullmatch(value) else None
    if name == "href":
        return value if _is_link(value) or OURS_TOO.fullmatch(value) else None
    return value


def _is_link(url: str) -> bool:
    return ELSEWHERE.fullmatch(url) is not None


# -- how our parser's tokens are written -------------------------------------------------------------------------------

Rule = Callable[[RendererHTML, Sequence[Token], int, Any, Any], str]


def _fence(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return code.block(tokens[index].content, tokens[index].info)


def _picture(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """One of ours; of others a link that names their host, since loading it would tell them who reads."""
    token = tokens[index]
    url = str(token.attrs["src"])
    alt = self.renderInlineAsText(token.children or [], options, env)
    if ours := ARTIFACT.fullmatch(url):
        return format_html('<img src="{}?inline" alt="{}" loading="lazy">', OURS.format(ours[1]), alt)
    if not url.lower().startswith("http"):
        return escape(alt)
    return format_html('<a class="picture" href="{}">{}</a>', url, picture_elsewhere(url, alt))


def _table(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """It scrolls by itself where it is wider than the message."""
    return '<div class="table" tabindex="0"><table>' if tokens[index].nesting == 1 else "</table></div>"


def _cell(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Our policy allows no style attributes."""
    side = str(tokens[index].attrs.get("style", "")).removeprefix("text-align:")
    return f'<{tokens[index].tag} class="{side}">' if side in ("center", "right") else f"<{tokens[index].tag}>"


def _heading(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    level = min(6, int(tokens[index].tag[1:]) + HIGHEST - 1)
    return f"<h{level}>" if tokens[index].nesting == 1 else f"</h{level}>\n"


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Artifacts are linked by the name that messages give them."""
    url = str(tokens[index].attrs.get("href", ""))
    ours = ARTIFACT.fullmatch(url)
    return format_html('<a href="{}">', OURS.format(ours[1]) if ours else url)


RULES: dict[str, Rule] = {
    "fence": _fence,
    "code_block": _fence,
    "image": _picture,
    "table_open": _table,
    "table_close": _table,
    "th_open": _cell,
    "td_open": _cell,
    "heading_open": _heading,
    "heading_close": _heading,
    "link_open": _link,
}


def _made() -> MarkdownIt:
    """CommonMark with tables and strikethrough. A line break stays one: an answer keeps its lines as it grows."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": NESTING})
    parser.enable(["table", "strikethrough"]).disable(["html_block", "html_inline"])
    parser.validateLink = lambda url: _is_link(url) or ARTIFACT.fullmatch(url) is not None  # type: ignore[method-assign]
    parser.core.ruler.push("addresses", linked)
    for name, rule in RULES.items():
        parser.add_render_rule(name, rule)
    return parser


_parser = _made()
