"""The catalogues of translations: `python -m tests.i18n.messages` (`make messages`) brings them up to what the code
says and compiles them. What is new is left empty for a translator."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de", "fr")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT_TYPE = "text/plain; charset=utf-8"
OURS = ("bus", "config", "sessions_app")
LAZY = {f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext")}
PYTHON = {**DEFAULT_KEYWORDS, **LAZY, "gettext_noop": None}
SCRIPTS = {"translate": None, "translateMany": (1, 2)}


class Said(NamedTuple):
    """One text for people, and the file that says it."""

    text: str | tuple[str, ...]
    context: str | None
    file: str


def _of_python() -> Iterator[Said]:
    for folder in OURS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _found("python", path.read_bytes(), PYTHON, path)


def _of_templates() -> Iterator[Said]:
    for path in sorted((ROOT / "templates").rglob("*.html")):
        source = templatize(path.read_text(), origin=str(path))
        flush = re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)  # its indentation is no Python's
        yield from _found("python", flush.encode(), PYTHON, path)


def _of_scripts() -> Iterator[Said]:
    for path in sorted((ROOT / "static" / "parley").glob("*.js")):
        yield from _found("javascript", path.read_bytes(), SCRIPTS, path)


def _found(method: str, source: bytes, keywords: object, path: Path) -> Iterator[Said]:
    for _, text, _, context in extract(method, io.BytesIO(source), keywords=keywords):  # type: ignore[arg-type]
        yield Said(text, context, str(path.relative_to(ROOT)))


DOMAINS = {"django": (_of_python, _of_templates), "djangojs": (_of_scripts,)}


def said(domain: str) -> Catalog:
    """All that the code of a domain says, untranslated."""
    catalog = Catalog(project="Parley", fuzzy=False)
    for one in (one for source in DOMAINS[domain] for one in source()):
        texts = one.text if isinstance(one.text, tuple) else (one.text,)
        flags = ["python-format"] if any(re.search(r"%\(\w+\)s|%[sd]", text) for text in texts) else []
        catalog.add(one.text, locations=[(one.file, None)], flags=flags, context=one.context)  # type: ignore[list-item]
    return catalog


def file_of(language: str, domain: str, kind: str = "po") -> Path:
    """Where a catalogue lies."""
    return ROOT / "locale" / language / "LC_MESSAGES" / f"{domain}.{kind}"


def translated(language: str, domain: str) -> Catalog:
    """The catalogue as it lies there."""
    path = file_of(language, domain)
    written = path.read_bytes() if path.exists() else b""
    catalog = read_po(io.BytesIO(written), locale=language)
    catalog.creation_date = catalog.revision_date = LONG_AGO
    return catalog


def written(catalog: Catalog) -> bytes:
    """The catalogue as a file, with no more of a header than is needed: dates would change it each time."""
    made = io.BytesIO()
    write_po(made, catalog, width=110, omit_header=True, include_lineno=False, sort_output=True)
    told = {"Language": str(catalog.locale), "Plural-Forms": catalog.plural_forms, "Content-Type": CONTENT_TYPE}
    lines = "".join(f'"{name}: {value}\\n"\n' for name, value in told.items())
    return f'msgid ""\nmsgstr ""\n{lines}\n'.encode() + made.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """What Django reads."""
    made = io.BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def main() -> None:
    """Bring all catalogues up to date."""
    for language in LANGUAGES:
        for domain in DOMAINS:
            catalog = translated(language, domain)
            catalog.update(said(domain), no_fuzzy_matching=True, update_header_comment=False)
            catalog.obsolete.clear()
            path = file_of(language, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(written(catalog))
            file_of(language, domain, "mo").write_bytes(compiled(translated(language, domain)))
            empty = [message for message in catalog if message.id and not is_whole(message.string)]
            print(f"{path.relative_to(ROOT)}: {len(empty)} of {len(catalog)} without a translation")


Text = str | tuple[str, ...] | list[str] | None


def is_whole(text: Text) -> bool:
    """Whether there is a translation, in every number."""
    return all(text) if isinstance(text, tuple | list) else bool(text)


if __name__ == "__main__":
    main()
