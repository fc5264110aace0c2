"""Topic patterns and filters."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.exceptions import Invalid
from bus.topics import Filter, matcher, normalise

TYPES = ("session-created", "session-updated", "message-added", "error-occurred", "context-window-critical")
words = st.text("ab-", min_size=1, max_size=6).filter(lambda word: word[0] != "-")
patterns = st.text("ab-*", min_size=1, max_size=6).filter(lambda word: word[0] != "-")


def wanted(*topics: str) -> set[str]:
    """Which of the types the topics select."""
    return set(filter(matcher(topics), TYPES))


def test_no_topics_mean_every_event() -> None:
    assert wanted() == set(TYPES)


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (("session-created",), {"session-created"}),
        (("session:created",), {"session-created"}),
        (("session.created",), {"session-created"}),
        (("session-*",), {"session-created", "session-updated"}),
        (("session:*",), {"session-created", "session-updated"}),
        (("*-added",), {"message-added"}),
        (("*-window-*",), {"context-window-critical"}),
        (("*d",), {"session-created", "session-updated", "message-added", "error-occurred"}),
        (("s*n-c*d",), {"session-created"}),
        (("*",), set(TYPES)),
        (("nothing", "message-added"), {"message-added"}),
        (("nothing",), set()),
        (("session",), set()),
        (("error-*", "message-added"), {"error-occurred", "message-added"}),
    ],
)
def test_a_wildcard_stands_for_any_text_anywhere(topics: tuple[str, ...], expected: set[str]) -> None:
    assert wanted(*topics) == expected


@given(st.lists(patterns, min_size=1, max_size=4), words)
def test_matching_is_what_shell_patterns_do(topics: list[str], word: str) -> None:
    assert matcher(topics)(word) == any(fnmatchcase(word, topic) for topic in topics)


@pytest.mark.parametrize(
    "topic", ["", " ", "Session-Created", "a b", "-a", ":a", "a\n", "a+", "(a|b)", "é", "a" * 101, "a\x00", "?", "[ab]"]
)
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(Invalid, match="is not a topic"):
        matcher((topic,))


@given(st.text(max_size=12))
def test_any_text_is_either_refused_or_normal_already(text: str) -> None:
    try:
        once = normalise(text)
    except Invalid:
        return
    assert normalise(once) == once
    assert not set(once) & {":", "."}


ENVELOPE = {"type": "message-added", "version": 3, "data": {"role": "user", "tags": ["a", "b"], "note": None}}


@pytest.mark.parametrize(
    ("field", "op", "value", "accepted"),
    [
        ("data.role", "eq", "user", True),
        ("data.role", "eq", "tool", False),
        ("data.role", "ne", "tool", True),
        ("data.role", "in", ["user", "tool"], True),
        ("data.role", "in", ["tool"], False),
        ("version", "lt", 4, True),
        ("version", "le", 3, True),
        ("version", "gt", 3, False),
        ("version", "ge", 3, True),
        ("data.tags", "contains", "b", True),
        ("data.tags", "contains", "c", False),
        ("data.role", "contains", "se", True),
        ("data.role", "exists", True, True),
        ("data.role", "exists", None, True),
        ("data.role", "exists", False, False),
        ("data.note", "exists", True, True),
        ("data.note", "eq", None, True),
    ],
)
def test_a_filter_compares_a_field_of_the_envelope(field: str, op: Any, value: Any, accepted: bool) -> None:
    assert Filter(field, op, value).accepts(ENVELOPE) is accepted


@pytest.mark.parametrize("op", ["eq", "in", "lt", "le", "gt", "ge", "contains", "exists"])
@pytest.mark.parametrize("field", ["missing", "data.missing", "data.role.deeper", "", "data."])
def test_a_missing_field_fails_every_operator_but_two(field: str, op: Any) -> None:
    assert not Filter(field, op, None).accepts(ENVELOPE)
    assert Filter(field, "ne", "anything").accepts(ENVELOPE)
    assert Filter(field, "exists", False).accepts(ENVELOPE)


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("version", "lt", "4"),
        ("data", "ge", 1),
        ("data.role", "in", 5),
        ("version", "contains", 3),
        ("type", "gt", None),
    ],
)
def test_values_of_different_kinds_have_no_order(field: str, op: Any, value: Any) -> None:
    assert not Filter(field, op, value).accepts(ENVELOPE)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab", max_size=2), below, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.text("ab", max_size=2), json, max_size=3),
    st.text("ab.", max_size=5),
    st.sampled_from(["eq", "ne", "in", "lt", "le", "gt", "ge", "exists", "contains"]),
    json,
)
def test_no_filter_makes_any_envelope_fail(envelope: dict[str, Any], field: str, op: Any, value: Any) -> None:
    assert Filter(field, op, value).accepts(envelope) in (True, False)
