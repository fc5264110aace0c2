"""S4: what is logged or traced shows no credential, and everything else as it was."""

import logging
import sys

import pytest

from config.redaction import RedactingFormatter, redact

TOKEN = "die9cz-b9b789e20ee6d75a6d6b62b0f961cf25"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Gone: /enter/Mg/{TOKEN}/", "Gone: /enter/Mg/…/"),
        (f"GET http://host/enter/Mg/{TOKEN}/?a=b x", "GET http://host/enter/Mg/…/?a=b x"),
        (f"< cookie: sessionid={TOKEN}; csrftoken={TOKEN}", "< cookie: …"),
        (f"{{'Cookie': 'a={TOKEN}'}}", "{'Cookie': …"),
        (f"[(b'cookie', b'sessionid={TOKEN}')]", "[(b'cookie', …"),
        (f"X-CSRFToken: {TOKEN}\nnext line", "X-CSRFToken: …\nnext line"),
        (f"password={TOKEN}&username=bob", "password=…&username=bob"),
        (f"postgres://parley:{TOKEN}@host:5432/parley", "postgres://parley:…@host:5432/parley"),
        (f"redis://:{TOKEN}@host/0", "redis://:…@host/0"),
    ],
)
def test_a_credential_is_not_shown(said: str, shown: str) -> None:
    assert redact(said) == shown


@pytest.mark.parametrize(
    "said", ["Gone: /enter/", "GET /sessions/0198/ 200", "a cookie was set", "http://host:8000/a@b", "the password=no?"]
)
def test_everything_else_stays(said: str) -> None:
    assert redact(said) == said.replace("=no?", "=…")


def test_tracebacks_are_redacted_too() -> None:
    try:
        raise ValueError(f"sessionid={TOKEN}")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed at %s", ("/x",), sys.exc_info())
    line = RedactingFormatter("%(message)s").format(record)
    assert "failed at /x" in line
    assert "ValueError: sessionid=…" in line
    assert TOKEN not in line
