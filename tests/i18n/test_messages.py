"""The translations are whole, fresh and fill in the same blanks."""

import re
from itertools import product

import pytest
from babel.messages.catalog import Message

from tests.i18n.messages import DOMAINS, LANGUAGES, Text, compiled, file_of, is_whole, said, translated

BLANK = re.compile(r"%\(\w+\)s|%[sd]|\{\w+\}|%%")
CATALOGUES = list(product(LANGUAGES, DOMAINS))


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_everything_that_is_said_is_translated(language: str, domain: str) -> None:
    catalog = translated(language, domain)
    missing = [one.id for one in said(domain) if one.id and not _of(catalog.get(one.id, one.context))]
    assert missing == [], "run `make messages`, then translate what is empty"


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_translations_fill_in_the_same_blanks(language: str, domain: str) -> None:
    for one in translated(language, domain):
        if one.id and not one.fuzzy:
            wanted = set(BLANK.findall(_joined(one.id)))
            assert set(BLANK.findall(_joined(one.string))) == wanted, one.id


@pytest.mark.parametrize(("language", "domain"), CATALOGUES)
def test_what_django_reads_is_what_was_translated(language: str, domain: str) -> None:
    assert file_of(language, domain, "mo").read_bytes() == compiled(translated(language, domain)), "run `make messages`"


def _of(message: Message | None) -> bool:
    return message is not None and not message.fuzzy and is_whole(message.string)


def _joined(text: Text) -> str:
    return " ".join(text) if isinstance(text, tuple | list) else str(text)
