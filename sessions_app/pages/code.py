"""Code blocks with a name of their language, a button that copies, and colours. Called by `markup`; the colours are
in static/parley/code.css, by the first letter of a token's kind."""

from functools import cache
from itertools import groupby
from time import thread_time

from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

LONGEST = 20_000
"""Characters; what is longer stays in one colour."""
PATIENCE = 0.2
"""Seconds of processor time for one block: for each language there is a text that its lexer needs hours for."""
LANGUAGES = frozenset(
    {
        *("bash", "c", "c#", "c++", "clojure", "console", "cpp", "cs", "csharp", "css", "dart", "diff", "docker"),
        *("dockerfile", "elixir", "erlang", "go", "golang", "graphql", "haskell", "hs", "html", "ini", "java"),
        *("javascript", "jinja", "js", "json", "jsx", "julia", "kotlin", "lua", "make", "makefile", "nginx"),
        *("objective-c", "objc", "perl", "php", "pl", "postgresql", "powershell", "ps1", "pwsh", "py", "pycon"),
        *("python", "python3", "r", "rb", "rs", "ruby", "rust", "scala", "scss", "sh", "shell", "sql", "swift"),
        *("tex", "latex", "toml", "ts", "tsx", "typescript", "vim", "vue", "xml", "yaml", "yml", "zig", "zsh"),
    }
)
"""Those that models write. Others are shown in one colour: a lexer that nobody knows may take its time."""
NAMES = frozenset({"nf", "nc", "nb", "nt", "na", "nd", "ne", "gi", "gd", "gh", "gu", "err"})
"""The short names of the kinds that have a colour, beside keywords, strings, comments and numbers in all their kinds:
some names, and the parts of a diff."""


def block(source: str, said: str) -> str:
    """A code block as HTML; `said` is what stands behind the fence."""
    language = said.strip().partition(" ")[0].lower()[:30]
    return format_html(
        '<div class="code"><div class="head"><span class="language">{}</span>'
        '<button type="button" class="quiet" data-copy="code">{}</button></div>'
        '<pre tabindex="0"><code>{}</code></pre></div>\n',
        language or gettext("text"),
        gettext("Copy"),
        mark_safe(coloured(source, language)),  # noqa: S308 (escaped there)
    )


def coloured(source: str, language: str) -> str:
    """The source escaped, its tokens in spans."""
    lexer = _lexer(language) if len(source) <= LONGEST else None
    pieces = _pieces(lexer, source) if lexer else None
    if pieces is None:
        return escape(source)
    joined = ((kind, "".join(text for _, text in run)) for kind, run in groupby(pieces, key=lambda piece: piece[0]))
    return "".join(f'<span class="{kind}">{escape(text)}</span>' if kind else escape(text) for kind, text in joined)


def _pieces(lexer: Lexer, source: str) -> list[tuple[str, str]] | None:
    """The tokens with their kinds; None where that takes too long."""
    pieces = []
    end = thread_time() + PATIENCE
    for kind, text in lexer.get_tokens(source):
        if thread_time() > end:
            return None
        pieces.append((_kind(kind), text))
    return pieces


@cache
def _kind(token: tuple[str, ...]) -> str:
    """The short name of a token's kind, "" for those without a colour."""
    while token not in STANDARD_TYPES:
        token = token[:-1]
    name = STANDARD_TYPES[token]  # type: ignore[index]  # a token type is a tuple that its stubs do not know
    if name.startswith(("k", "s", "c", "m")):
        return name[0]
    return name if name in NAMES else ""


@cache
def _lexer(language: str) -> Lexer | None:
    if language not in LANGUAGES:
        return None
    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
