"""`sessions/` as a list: order, filters, keyset pages that neither skip nor repeat."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sessions_app.models import Session
from tests.api.caller import Caller, problem


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["data"]]


def walk(api: Caller, path: str) -> list[str]:
    """Every title, following the `Link` header from page to page."""
    seen: list[str] = []
    answer = api.get(path)
    while True:
        body = answer.json()
        seen += titles(answer)
        assert body["has_more"] is (body["next_cursor"] is not None) is ("Link" in answer)
        if not body["has_more"]:
            return seen
        address, rel = answer["Link"].split("; ")
        assert rel == 'rel="next"'
        answer = api.get(address.strip("<>").removeprefix("http://testserver"))


def test_the_newest_change_comes_first(api: Caller) -> None:
    old, new = api.session(title="old"), api.session(title="new")
    assert titles(api.get("sessions/")) == ["new", "old"]
    api.say(old)
    shown = api.get("sessions/").json()["data"]
    assert [row["id"] for row in shown] == [old, new]
    assert (shown[0]["version"], shown[0]["message_count"]) == (2, 1)
    assert "config" not in shown[0]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_neither_skip_nor_repeat_rows_of_the_same_moment(api: Caller, limit: int) -> None:
    for number in range(7):
        api.session(title=f"t{number}")
    same = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    Session.objects.exclude(title="t6").update(updated_at=same)
    seen = walk(api, f"sessions/?limit={limit}")
    assert seen[0] == "t6"
    assert sorted(seen) == [f"t{number}" for number in range(7)]


def test_a_row_that_moves_up_between_pages_is_not_shown_instead_of_another(api: Caller) -> None:
    sessions = [api.session(title=f"t{number}") for number in range(4)]
    first = api.get("sessions/?limit=2").json()
    api.say(sessions[0])
    rest = api.get(f"sessions/?limit=2&cursor={first['next_cursor']}")
    assert titles(rest) == ["t1"]


def test_the_next_page_keeps_the_filters(api: Caller) -> None:
    for number in range(3):
        api.session(title=f"keep {number} & more")
        api.session(title="other")
    assert len(walk(api, "sessions/?limit=1&q=%26 MORE&is_active=true")) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("is_active=true", ["Beta %", "alpha_"]),
        ("is_active=false", ["closed"]),
        ("provider=echo", ["Beta %", "closed", "alpha_"]),
        ("provider=openai", []),
        ("model=other", ["Beta %"]),
        ("q=BETA", ["Beta %"]),
        ("q=alp -beta", ["alpha_"]),
        ("q=%25", []),
        ("q=", ["Beta %", "closed", "alpha_"]),
        ("model=other&is_active=false", []),
    ],
)
def test_filters(api: Caller, query: str, expected: list[str]) -> None:
    api.session(title="alpha_")
    closed = api.session(title="closed")
    api.session(title="Beta %", config={"provider": "echo", "model": "other"})
    Session.objects.filter(id=closed).update(is_active=False)
    assert titles(api.get(f"sessions/?{query}")) == expected


def test_moments_are_filters(api: Caller) -> None:
    first, second, third = (api.session(title=title) for title in ("first", "second", "third"))
    api.say(first)
    began = api.get(f"sessions/{second}/").json()["created_at"]
    assert titles(api.get(f"sessions/?created_after={began}")) == ["third"]
    assert titles(api.get(f"sessions/?created_before={began}")) == ["first"]
    changed = api.get(f"sessions/{third}/").json()["updated_at"]
    assert titles(api.get(f"sessions/?updated_after={changed}")) == ["first"]
    assert titles(api.get("sessions/?created_after=2026-01-01&updated_after=9999-12-31T23:59:59Z")) == []


def test_twenty_rows_are_a_page_unless_asked_otherwise(api: Caller) -> None:
    for _ in range(21):
        api.session()
    body = api.get("sessions/").json()
    assert (len(body["data"]), body["has_more"]) == (20, True)
    assert len(api.get("sessions/?limit=100").json()["data"]) == 21


@pytest.mark.parametrize(
    "query", ["is_active=yes", "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "q=%00", "updated_after=soon"]
)
def test_a_bad_filter_is_refused(api: Caller, query: str) -> None:
    problem(api.get(f"sessions/?{query}"), 422, "validation-failed")
