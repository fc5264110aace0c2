"""Environment variables are read typed, and refused loudly when wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

NAME = "PARLEY_TEST_VARIABLE"
Set = Callable[[str | None], None]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets the variable (None: not at all); the table of variables is the test's own."""
    monkeypatch.setattr(env, "VARIABLES", [])

    def give(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv(NAME, raising=False)
        else:
            monkeypatch.setenv(NAME, value)

    return give


@pytest.mark.parametrize(
    ("read", "default"),
    [(env.text, "a"), (env.boolean, True), (env.number, 7), (env.seconds, 2.5), (env.words, ["a", "b"])],
)
def test_without_the_variable_the_default_counts(given: Set, read: Callable[..., Any], default: Any) -> None:
    given(None)
    assert read(NAME, default, "a meaning") == default


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("YES", True), ("on", True), ("No", False), ("", False)])
def test_truths(given: Set, value: str, expected: bool) -> None:
    given(value)
    assert env.boolean(NAME, not expected, "") is expected


@pytest.mark.parametrize("value", ["2", "ja", "tru", " true", "None"])
def test_what_is_no_truth_is_refused(given: Set, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.boolean(NAME, True, "")


def test_numbers_within_their_bounds(given: Set) -> None:
    for value in ("2", "5", "9"):
        given(value)
        assert env.number(NAME, 3, "", least=2, most=9) == int(value)


@pytest.mark.parametrize("value", ["", "x", "1.5", "1e3", "1", "10", "-3", "9" * 30, "9" * 5000, "nan"])
def test_what_is_no_number_within_the_bounds_is_refused(given: Set, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.number(NAME, 3, "", least=2, most=9)


@pytest.mark.parametrize(("value", "expected"), [("2", 2.0), ("0.5", 0.5), ("1e2", 100.0)])
def test_durations(given: Set, value: str, expected: float) -> None:
    given(value)
    assert env.seconds(NAME, 1.0, "", least=0.5) == expected


@pytest.mark.parametrize("value", ["", "x", "5s", "0.4", "-1", "nan", "inf", "1e9", "1e400"])
def test_what_is_no_duration_is_refused(given: Set, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.seconds(NAME, 1.0, "", least=0.5)


@pytest.mark.parametrize(("value", "expected"), [("", []), ("a", ["a"]), (" a , b,,c ", ["a", "b", "c"]), (",", [])])
def test_words_are_separated_by_commas(given: Set, value: str, expected: list[str]) -> None:
    given(value)
    assert env.words(NAME, ["z"], "") == expected


def test_an_empty_text_is_a_text(given: Set) -> None:
    given("")
    assert env.text(NAME, "default", "") == ""


def test_each_variable_is_kept_for_the_documentation(given: Set) -> None:
    given("secret")
    env.text(NAME, "made at run time", "what it does", shown="(random)")
    given(None)
    env.number(NAME, 3, "how many")
    first, second = env.VARIABLES
    assert first == env.Variable(NAME, "text", "(random)", "what it does")
    assert (second.kind, second.default) == ("whole number", "3")
    assert "secret" not in str(env.VARIABLES)


def test_hosts_have_ports_and_addresses_bring_theirs(given: Set) -> None:
    given("localhost:11434, [::1]:80")
    found = env.hosts(NAME, [], "a meaning", of=["https://Model.example/v1", "", "http://[::1]:8080/v1"])
    assert found == ["localhost:11434", "[::1]:80", "model.example:443", "[::1]:8080"]


@pytest.mark.parametrize("value", ["localhost", "http://localhost:1", "localhost:x", "user@localhost:1", ":1", "a:1/b"])
def test_what_is_no_host_is_refused(given: Set, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.hosts(NAME, [], "a meaning")


@pytest.mark.parametrize("url", ["localhost:11434/v1", "ftp://x", "http://user:word@x", "http://x:port"])
def test_an_address_without_a_host_is_refused(given: Set, url: str) -> None:
    given(None)
    with pytest.raises(ImproperlyConfigured) as refused:
        env.hosts(NAME, [], "a meaning", of=[url])
    assert "word" not in str(refused.value)
