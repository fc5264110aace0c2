"""The one door for JSON from outside."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import untrusted
from bus.exceptions import Invalid, Malformed, TooLarge

LIMIT = 1_000_000


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (rb'"\u0000"', "NUL"),
        (rb'{"a":[{"b":"x\u0000y"}]}', "NUL"),
        (rb'{"\u0000":1}', "NUL"),
        (rb'"\ud800"', "."),
        (rb'{"a":"\udfff"}', "."),
        (b"[" * 200 + b"]" * 200, "Nested deeper than 64"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "Nested deeper than 64"),
        (b"[" * 5000 + b"]" * 5000, "."),
        (b"[" * 400_000, "."),
        (str(2**70).encode(), "64 bits"),
        (str(2**63).encode(), "64 bits"),
        (str(-(2**63) - 1).encode(), "64 bits"),
        (b'{"a":[1e400]}', "."),
        (b"NaN", "."),
        (b"-Infinity", "."),
        (b'"\xff\xfe"', "."),
        (b'"\xed\xa0\x80"', "."),
        (b"", "."),
        (b"   ", "."),
        (b"{", "."),
        (b"[1,]", "."),
        (b"{'a': 1}", "."),
        (b"1 2", "."),
        (b"[" + b",".join([b"1"] * (untrusted.MAX_NODES + 1)) + b"]", "More than 50000"),
    ],
)
def test_what_something_later_could_choke_on_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        untrusted.decode(body, limit=LIMIT)
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\udfffx"])
def test_text_that_cannot_be_stored_is_refused_also_when_it_was_decoded_elsewhere(text: str) -> None:
    for value in (text, [text], {"a": {"b": text}}, {text: 1}):
        with pytest.raises(Malformed):
            untrusted.check(value)


def test_what_is_just_within_the_limits_passes() -> None:
    assert untrusted.decode(b"[" * 64 + b"]" * 64, limit=LIMIT) is not None
    assert untrusted.decode(str(2**63 - 1).encode(), limit=LIMIT) == 2**63 - 1
    assert untrusted.decode(str(-(2**63)).encode(), limit=LIMIT) == -(2**63)
    assert len(untrusted.decode(json.dumps([1] * (untrusted.MAX_NODES - 1)).encode(), limit=LIMIT)) == 49_999
    assert untrusted.decode('"\u00e9\U0001f600"'.encode(), limit=LIMIT) == "\u00e9\U0001f600"


def test_a_body_over_the_limit_is_refused_before_it_is_parsed() -> None:
    assert untrusted.decode(b"[1]", limit=3) == [1]
    with pytest.raises(TooLarge) as caught:
        untrusted.decode(b"[[[[", limit=3)
    assert caught.value.as_problem()["limit"] == 3
    assert caught.value.status == 413


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_passes_comes_out_as_it_went_in(value: Any) -> None:
    body = json.dumps(value).encode()
    if "\\u0000" in body.decode():
        with pytest.raises(Malformed):
            untrusted.decode(body, limit=LIMIT)
    else:
        assert untrusted.decode(body, limit=LIMIT) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused_and_nothing_else_happens(body: bytes) -> None:
    with contextlib.suppress(Malformed):
        untrusted.check(untrusted.decode(body, limit=LIMIT))


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    """Somewhere inside."""

    count: int


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    items: list[Inner] = []
    by_name: dict[str, Inner] = {}
    name: str = ""


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"name": 1}, "/name"),
        ({"items": [{"count": 1}, {"count": "x"}]}, "/items/1/count"),
        ({"items": [5]}, "/items/0"),
        ({"items": {}}, "/items"),
        ({"items": [{}]}, "/items/0"),
        ({"unknown": 1}, ""),
        ([], ""),
        ({"by_name": {"a": {"count": None}}}, "/by_name"),
    ],
)
def test_an_error_points_to_the_place(value: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        untrusted.convert(value, Outer)
    (error,) = caught.value.extra["errors"]
    assert error["pointer"] == pointer
    assert error["detail"] == caught.value.detail
    assert "$" not in error["detail"]
