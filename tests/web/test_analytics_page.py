"""The page of what was used: the same figures as REST, honest where a price is unknown, and nobody else's."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bus.messages import uuid7
from sessions_app import commands
from sessions_app.llm import catalog
from sessions_app.models import DailyUse
from sessions_app.pages.plots import Series, Span, Subject, plot, ticks_to
from sessions_app.pages.usage import money, seconds, short
from tests.story import Story
from tests.web.browser import shown

TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def _prices_read_anew(db: None) -> Iterator[None]:
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def row(owner: User, days_ago: int = 0, **figures: Any) -> DailyUse:
    """A row as the projections write it."""
    fields = {"provider": "echo", "model": "echo", "session": uuid7(), "prompt_tokens": 1200, "completion_tokens": 34}
    return DailyUse(owner=owner.id, day=TODAY - timedelta(days_ago), **{**fields, **figures})


def used(owner: User, days_ago: int = 0, **figures: Any) -> None:
    """It happened."""
    row(owner, days_ago, **figures).save(force_insert=True)


def test_figures_plots_and_groups_are_of_ones_own_use(alice: User, alice_client: Client, bob_client: Client) -> None:
    used(alice, priced=1, cost=Decimal("1.5"), completed=3, failed=1)
    page = shown(alice_client, "/analytics/")
    assert "<dd>1.23 k</dd>" in page
    assert "<dd>$1.50</dd>" in page
    assert "1 failed" in page
    assert page.count('role="img"') == 3  # nothing was timed
    assert re.search(r"<title>\d+ \w+ \d+: read 1.2 k · written 34</title>", page)
    assert ">echo / echo</a>" in page
    assert "Nothing was used in these days." in shown(bob_client, "/analytics/")


def test_what_has_no_price_is_called_unknown_and_never_nothing(alice: User, alice_client: Client) -> None:
    used(alice, unpriced=2)
    page = shown(alice_client, "/analytics/")
    assert "<dd>unknown</dd>" in page
    assert "2 counts of tokens have no known price" in page
    used(alice, priced=1, cost=Decimal("0.25"), model="other")
    page = shown(alice_client, "/analytics/")
    assert "<dd>$0.25 + ?</dd>" in page
    assert re.search(r'<text class="mark"[^>]*>\?</text>', page)


def test_a_session_is_compared_by_its_title_and_looked_at_alone(alice_client: Client, story: Story) -> None:
    story.tell(commands.UpdateTokenMetrics, prompt_tokens=10, completion_tokens=5)
    page = shown(alice_client, "/analytics/?group=session")
    assert ">A story</a>" in page
    assert f'href="/sessions/{story.id}/"' in page
    alone = shown(alice_client, f"/analytics/?session={story.id}")
    assert "Only the session <strong>A story</strong>" in alone
    assert f"session={story.id}&amp;format=csv" in alone


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("from=2026-02-30", "From: Enter a valid date."),
        ("from=2026-02-03&to=2026-02-01", "The first day is after the last one."),
        ("from=2020-01-01&to=2026-01-01", "At most 366 days can be shown."),
        ("to=0001-01-01&from=0001-01-01&group=nonsense", "Select a valid choice."),
        ("session=nonsense", "Enter a valid UUID."),
        ("model=%00", "Null characters are not allowed."),
    ],
)
def test_what_cannot_be_shown_is_said_and_the_usual_days_are(alice_client: Client, query: str, why: str) -> None:
    page = shown(alice_client, f"/analytics/?{query}", 422)
    assert why in page
    assert f'name="to" value="{TODAY.isoformat()}"' in page


@pytest.mark.parametrize("query", ["to=0001-01-01", "to=9999-12-31", "provider=x&model=%ff%22", "from=0001-01-01"])
def test_odd_days_and_names_do_no_harm(alice_client: Client, query: str) -> None:
    assert alice_client.get(f"/analytics/?{query}").status_code in (200, 422)


@pytest.mark.parametrize("group", ["model", "session"])
def test_the_page_asks_the_same_whatever_was_used(
    alice: User, alice_client: Client, django_assert_num_queries: DjangoAssertNumQueries, group: str
) -> None:
    for number in range(12):
        used(alice, number, model=f"m{number}", durations={"100": 1}, first_tokens={"90": 1})
    titles = group == "session"
    with django_assert_num_queries(12 + titles):  # login session, user, three queries each of three groupings, models
        page = shown(alice_client, f"/analytics/?group={group}")
    assert page.count('role="img"') == 2  # no answer ended, and nothing cost anything
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", page)


def test_a_year_is_shown_by_weeks_and_stays_light(alice: User, alice_client: Client) -> None:
    each = {"priced": 1, "cost": Decimal(1), "completed": 3, "failed": 1, "cancelled": 1, "durations": {"100": 1}}
    DailyUse.objects.bulk_create([row(alice, number, **each) for number in range(366)])
    first = (TODAY - timedelta(365)).isoformat()
    page = shown(alice_client, f"/analytics/?from={first}")
    assert page.count('class="column"') == 53 * 3
    assert len(page) < 150_000
    assert re.search(r"<title>\d+ \w+ \d+ - \d+ \w+ \d+: completed 21 ", page)


def test_ticks_are_round_and_reach_the_largest() -> None:
    assert ticks_to(0) == [0.0, 0.25]
    assert ticks_to(7, whole=True) == [0, 2, 4, 6, 8]
    assert ticks_to(3, whole=True) == [0, 1, 2, 3]
    assert ticks_to(1234)[-1] == 1500
    assert ticks_to(0.0007)[-1] >= 0.0007


def test_numbers_are_as_short_as_they_can_be() -> None:
    assert [short(value) for value in (0, 7, 999, 1234, 2_500_000)] == ["0", "7", "999", "1.23 k", "2.5 M"]
    assert [seconds(value) for value in (0.0004, 0.828, 12.34)] == ["1 ms", "828 ms", "12.3 s"]
    assert [money(value) for value in (0, "0.5", "0.0123", "0.00001234", 1234.5)] == [
        *("$0.00", "$0.50", "$0.0123", "$0.000012", "$1,234.50")
    ]


def test_columns_stand_inside_the_plot_and_lines_leave_out_what_is_unknown() -> None:
    days = [Span(day, day) for day in (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3))]
    series = [Series("one", "a", [1, None, 3]), Series("two", "b", [2, 0, 0.001])]
    stacked = plot(Subject("x", "X", series, str), days)
    heights = [[float(bar.height[:-1]) for bar in column.bars] for column in stacked.columns]
    assert [len(one) for one in heights] == [2, 0, 2]  # of the day between it is known that there was nothing
    assert all(sum(one) <= 100 for one in heights)
    lines = plot(Subject("x", "X", series[:1], str, stacked=False), days)
    assert lines.lines[0].points == "16.67,66.67 83.33,0.00"
    assert [values for _day, values in lines.rows] == [["1"], ["3"]]
    assert "charged" in plot(Subject("x", "X", [Series("one", "a", [None] * 3)], str, "charged"), days).nothing
