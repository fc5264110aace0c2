"""Markdown as HTML: what people expect of it, what nobody may get into it, and that no text costs much."""

from html.parser import HTMLParser
from time import process_time
from urllib.parse import urlsplit

import pytest

from sessions_app.pages import code, markup
from tests.e2e.payloads import PAYLOADS

ALLOWED: dict[str, set[str]] = {
    "a": {"href", "title", "class", "target", "rel"},
    "img": {"src", "alt", "title", "loading"},
    "ol": {"start"},
    "button": {"type", "class", "data-copy"},
    "pre": {"tabindex"},
    "div": {"class", "tabindex"},
    **{tag: {"class"} for tag in ("span", "td", "th")},
    **{tag: set() for tag in ("p", "br", "strong", "em", "s", "code", "ul", "li", "blockquote", "hr", "table")},
    **{tag: set() for tag in ("thead", "tbody", "tr", "h3", "h4", "h5", "h6")},
}
ARTIFACT = "0198aaaa-0000-7000-8000-000000000000"
OURS = f"/api/v1/artifacts/{ARTIFACT}/content/"


class Judge(HTMLParser):
    """Says what of a piece of HTML is not allowed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        if tag not in ALLOWED:
            self.wrong.append(tag)
        for name, value in attrs:
            if name not in ALLOWED.get(tag, set()):
                self.wrong.append(f"{tag} {name}")
            if name in ("href", "src") and not _leads_well(name, value or ""):
                self.wrong.append(f"{name}={value}")
            if name in ("tabindex", "data-copy", "type") and value not in ("0", "code", "button"):
                self.wrong.append(f"{name}={value}")

    def handle_comment(self, data: str) -> None:
        """There are none."""
        self.wrong.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        """There are none."""
        self.wrong.append(f"declaration {decl}")


def _leads_well(name: str, url: str) -> bool:
    inside = url.startswith("/api/v1/artifacts/") and ".." not in url
    return inside or (name == "href" and urlsplit(url).scheme in ("http", "https", "mailto"))


def html(text: str) -> str:
    """The prose alone."""
    return markup.shown(text).removeprefix('<div class="prose">').removesuffix("</div>").strip()


# -- safety ------------------------------------------------------------------------------------------------------------


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 100


@pytest.mark.parametrize(
    "around", ["{}", "a {} b", "- {}\n", "> {}\n\n{}", "[{}](https://example.org/)", "| {} |\n|-|\n"]
)
def test_no_payload_becomes_more_than_is_allowed(around: str) -> None:
    wrong = {payload: Judge(markup.shown(around.replace("{}", payload))).wrong for payload in PAYLOADS}
    assert {payload: said for payload, said in wrong.items() if said} == {}


def test_the_second_wall_stands_without_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markup, "_parser", Through())
    wrong = {payload: Judge(markup._prose(payload)).wrong for payload in PAYLOADS}
    assert {payload: said for payload, said in wrong.items() if said} == {}


class Through:
    """A parser that lets everything through."""

    def render(self, text: str) -> str:
        """As it is."""
        return text


def test_code_stays_text_in_every_language() -> None:
    evil = "</span></code><script>hacked()</script>\"'<!--"
    for language in code.LANGUAGES:
        assert Judge(code.coloured(evil, language)).wrong == []


# -- what is written ---------------------------------------------------------------------------------------------------


def test_markdown_is_what_people_expect() -> None:
    assert html("# a\n\n**b** _c_ ~~d~~ `e`\nf") == (
        "<h3>a</h3>\n<p><strong>b</strong> <em>c</em> <s>d</s> <code>e</code><br>\nf</p>"
    )
    assert '<th class="right">' in html("| a |\n|-:|\n| b |")
    assert '<ol start="3">' in html("3. x")


def test_links_lead_out_in_a_page_of_their_own_and_say_nothing_of_us() -> None:
    rest = 'target="_blank" rel="noopener noreferrer nofollow"'
    assert (
        html("[x](https://example.org/a?b=1&c=2)") == f'<p><a href="https://example.org/a?b=1&amp;c=2" {rest}>x</a></p>'
    )
    plain = html("see (https://example.org/a_(b)). `https://example.org/`")
    assert f'(<a href="https://example.org/a_(b)" {rest}>https://example.org/a_(b)</a>).' in plain
    assert "<code>https://example.org/</code>" in plain
    assert html("[x](/admin/)") == "<p>[x](/admin/)</p>"


def test_pictures_from_elsewhere_are_named_and_ours_are_shown() -> None:
    there = html("![a cat](https://me:secret@pictures.example/cat.png)")
    assert '<a class="picture" href="https://me:secret@pictures.example/cat.png"' in there
    assert ">Picture from pictures.example: a cat</a>" in there
    assert html(f"![a cat](artifact:{ARTIFACT})") == f'<p><img src="{OURS}?inline" alt="a cat" loading="lazy"></p>'
    assert f'<a href="{OURS}"' in html(f"[plan](artifact:{ARTIFACT})")


def test_code_has_its_language_a_button_and_colours() -> None:
    made = html("```Python x=1\nif a < 1: pass\n```")
    assert (
        '<span class="language">python</span><button type="button" class="quiet" data-copy="code">Copy</button>' in made
    )
    assert '<pre tabindex="0"><code><span class="k">if</span> a &lt; <span class="m">1</span>' in made
    assert "<code>a &lt; b\n</code>" in html("```nosuch\na < b\n```")


# -- cost --------------------------------------------------------------------------------------------------------------


def test_what_is_too_long_is_shown_as_it_is() -> None:
    assert markup.shown("*a* " * markup.LONGEST).startswith('<div class="text">*a* ')
    assert markup.shown("[" * (markup.MOST_BRACKETS + 1)).startswith('<div class="text">')


@pytest.mark.parametrize(
    "piece", ["![", "*a **b ", "> ", "`a``", "|a", "- ", "<a:", "https://a", "```\n", "~~a", "&#x1", "  - a\n"]
)
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * markup.LONGEST)[: markup.LONGEST]
    began = process_time()
    markup._prose(text) if text.count("[") <= markup.MOST_BRACKETS else markup.shown(text)
    assert process_time() - began < 5


def test_code_that_stalls_its_lexer_is_shown_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "PATIENCE", -1.0)
    assert code.coloured("if a: pass", "python") == "if a: pass"
